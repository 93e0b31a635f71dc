use futures_util::future::join_all;
use reqwest::header::{HeaderValue, RETRY_AFTER};

use super::*;

fn budget(requests_per_second: Option<f64>) -> Arc<HostBudget> {
    let limits = BudgetLimits {
        requests_per_second,
        in_flight: 4,
        separate: false,
    };
    Arc::new(HostBudget::new(
        &limits,
        Concurrency::default(),
        Duration::from_secs(60),
    ))
}

async fn acquire(budget: &Arc<HostBudget>, line: u64) -> Result<Place, Refused> {
    Arc::clone(budget).acquire(Lane::Read, Line::of(&line)).await
}

fn retry_after(seconds: u64) -> HeaderMap {
    [(RETRY_AFTER, HeaderValue::from(seconds))].into_iter().collect()
}

#[tokio::test(start_paused = true)]
async fn a_rate_is_kept_however_many_wait() {
    let budget = budget(Some(10.0));
    let started = Instant::now();
    join_all((0..101).map(|line| {
        let budget = &budget;
        async move {
            acquire(budget, line)
                .await
                .unwrap()
                .answered(StatusCode::OK, &HeaderMap::new())
        }
    }))
    .await;
    let took = started.elapsed();
    assert!(
        took >= Duration::from_millis(9_900) && took < Duration::from_millis(10_200),
        "{took:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_refusal_holds_up_all_for_as_long_as_it_says() {
    let budget = budget(None);
    let started = Instant::now();
    let mut first = acquire(&budget, 1).await.unwrap();
    first.answered(StatusCode::TOO_MANY_REQUESTS, &retry_after(7));
    assert!(first.is_worth_waiting());
    drop(first);
    drop(acquire(&budget, 2).await.unwrap());
    let waited = started.elapsed();
    assert!(
        waited >= Duration::from_secs(7) && waited < Duration::from_secs(8),
        "{waited:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn who_would_wait_too_long_is_told_at_once_how_long() {
    let budget = budget(None);
    let mut places = Vec::new();
    for _ in 0..4 {
        places.push(acquire(&budget, 1).await.unwrap());
    }
    let waiting = tokio::spawn({
        let budget = Arc::clone(&budget);
        async move { acquire(&budget, 2).await.map(drop) }
    });
    tokio::task::yield_now().await;
    places[0].answered(StatusCode::TOO_MANY_REQUESTS, &retry_after(3600));
    assert!(!places[0].is_worth_waiting());
    let refused = waiting.await.unwrap().unwrap_err();
    assert!(refused.retry_after >= Duration::from_secs(3600), "{refused:?}");
    assert!(acquire(&budget, 3).await.is_err());
}

#[tokio::test(start_paused = true)]
async fn whoever_stops_waiting_leaves_their_turn_to_others() {
    let budget = budget(None);
    let mut places = Vec::new();
    for _ in 0..4 {
        places.push(acquire(&budget, 1).await.unwrap());
    }
    let impatient = tokio::time::timeout(Duration::from_secs(1), acquire(&budget, 2)).await;
    assert!(impatient.is_err());
    let waiting = tokio::spawn({
        let budget = Arc::clone(&budget);
        async move { acquire(&budget, 3).await.map(drop) }
    });
    tokio::task::yield_now().await;
    places.pop();
    waiting.await.unwrap().unwrap();
    places.clear();
    assert!(budget.is_idle());
}
