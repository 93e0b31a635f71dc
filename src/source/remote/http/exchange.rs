//! The transport that gix asks for bytes through.

use std::io::{self, BufRead, Cursor, Read, Write};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::{Buf as _, Bytes};
use futures_util::StreamExt as _;
use futures_util::stream::BoxStream;
use gix_transport::client::blocking_io::http::{GetResponse, Http, PostBodyDataKind, PostResponse};
use reqwest::Method;
use reqwest::header::{CONTENT_TYPE, HeaderMap};
use url::Url;

use super::super::Fault;
use super::super::look::Look;
use super::smart::{Line, Smart, fault_of, header_map};
use crate::http::{Answer, HttpError};

impl Smart {
    fn failed(&self, fault: Fault) -> gix::Error {
        gix::Error::from_error(self.look.fail(fault))
    }

    fn exchange(&self, stage: Stage) -> Exchange {
        Exchange {
            line: Arc::clone(&self.line),
            look: Arc::clone(&self.look),
            stage: Arc::new(Mutex::new(stage)),
        }
    }
}

impl Http for Smart {
    type Headers = Head;
    type ResponseBody = Body;
    type PostBody = Written;

    fn get(
        &mut self,
        url: &str,
        _base: &str,
        headers: impl IntoIterator<Item = impl AsRef<str>>,
    ) -> gix::Result<GetResponse<Head, Body>> {
        let answer = self
            .fetch(url, header_map(headers))
            .map_err(|fault| self.failed(fault))?;
        let exchange = self.exchange(Stage::answered(answer));
        Ok(GetResponse {
            headers: Head::of(&exchange),
            body: Body::of(&exchange),
        })
    }

    fn post(
        &mut self,
        url: &str,
        _base: &str,
        headers: impl IntoIterator<Item = impl AsRef<str>>,
        _kind: PostBodyDataKind,
    ) -> gix::Result<PostResponse<Head, Body, Written>> {
        let url = Url::parse(url).map_err(gix::Error::from_error)?;
        let exchange = self.exchange(Stage::Writing {
            smart: Box::new(self.clone()),
            url,
            headers: header_map(headers),
            body: Vec::new(),
        });
        Ok(PostResponse {
            headers: Head::of(&exchange),
            body: Body::of(&exchange),
            post_body: Written(exchange),
        })
    }

    fn configure(&mut self, _config: &dyn std::any::Any) -> gix::Result {
        Ok(())
    }

    fn redirected_base_url(&self) -> Option<String> {
        (self.base != self.line.home.url).then(|| self.base.to_string())
    }
}

/// A request and its answer. gix writes the one to its end before it reads the other.
#[derive(Clone)]
struct Exchange {
    line: Arc<Line>,
    look: Arc<Look>,
    stage: Arc<Mutex<Stage>>,
}

enum Stage {
    Writing {
        smart: Box<Smart>,
        url: Url,
        headers: HeaderMap,
        body: Vec<u8>,
    },
    Answered {
        head: String,
        body: BoxStream<'static, Result<Bytes, HttpError>>,
    },
    Failed,
}

impl Stage {
    fn answered(answer: Answer) -> Self {
        let head = answer
            .header(CONTENT_TYPE)
            .map(|kind| format!("content-type: {kind}\n"));
        Self::Answered {
            head: head.unwrap_or_default(),
            body: answer.stream().boxed(),
        }
    }
}

impl Exchange {
    /// Does something with the answer; what was written so far is sent for it.
    fn with_answer<T>(
        &self,
        work: impl FnOnce(&str, &mut BoxStream<'static, Result<Bytes, HttpError>>) -> io::Result<T>,
    ) -> io::Result<T> {
        let mut stage = self.stage.lock().unwrap_or_else(PoisonError::into_inner);
        if let Stage::Writing { .. } = &*stage
            && let Stage::Writing {
                smart,
                url,
                headers,
                body,
            } = std::mem::replace(&mut *stage, Stage::Failed)
        {
            let answer = smart
                .send(Method::POST, url, headers, body.into())
                .map_err(|fault| self.look.fail(fault))?;
            *stage = Stage::answered(answer);
        }
        match &mut *stage {
            Stage::Answered { head, body } => work(head, body),
            Stage::Writing { .. } | Stage::Failed => Err(io::Error::other("the request failed")),
        }
    }
}

/// The part of an answer's head that gix reads.
pub struct Head {
    exchange: Exchange,
    text: Option<Cursor<String>>,
}

impl Head {
    fn of(exchange: &Exchange) -> Self {
        Self {
            exchange: exchange.clone(),
            text: None,
        }
    }

    fn text(&mut self) -> io::Result<&mut Cursor<String>> {
        match &mut self.text {
            Some(text) => Ok(text),
            text => {
                let head = self.exchange.with_answer(|head, _| Ok(head.to_owned()))?;
                Ok(text.insert(Cursor::new(head)))
            }
        }
    }
}

impl Read for Head {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.text()?.read(buffer)
    }
}

impl BufRead for Head {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.text()?.fill_buf()
    }

    fn consume(&mut self, amount: usize) {
        if let Some(text) = &mut self.text {
            text.consume(amount);
        }
    }
}

/// An answer's body, a piece at a time.
pub struct Body {
    exchange: Exchange,
    piece: Bytes,
}

impl Body {
    fn of(exchange: &Exchange) -> Self {
        Self {
            exchange: exchange.clone(),
            piece: Bytes::new(),
        }
    }
}

impl Read for Body {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let available = self.fill_buf()?;
        let amount = available.len().min(buffer.len());
        buffer[..amount].copy_from_slice(&available[..amount]);
        self.consume(amount);
        Ok(amount)
    }
}

impl BufRead for Body {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        while self.piece.is_empty() {
            let (line, look) = (&self.exchange.line, &self.exchange.look);
            let next = self.exchange.with_answer(|_, body| {
                line.wait(look, "receiving", body.next())
                    .and_then(|piece| piece.transpose().map_err(|error| fault_of(&error, look)))
                    .map_err(|fault| look.fail(fault))
            })?;
            let Some(piece) = next else { break };
            look.take(piece.len())?;
            self.piece = piece;
        }
        Ok(&self.piece)
    }

    fn consume(&mut self, amount: usize) {
        self.piece.advance(amount);
    }
}

/// A request's body, in memory until the answer is wanted.
pub struct Written(Exchange);

impl Write for Written {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &mut *self.0.stage.lock().unwrap_or_else(PoisonError::into_inner) {
            Stage::Writing { body, .. } => {
                body.extend_from_slice(bytes);
                Ok(bytes.len())
            }
            Stage::Answered { .. } | Stage::Failed => Err(io::Error::other("the request was sent already")),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
