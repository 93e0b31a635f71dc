//! Text within a width.

/// Lines of whole words, each after `indent` and within `width` as far as words allow; the first line goes on after
/// text that is `indent` long already. What stands in backquotes is one word: it is there to be pasted.
pub(super) fn wrap(text: &str, indent: usize, width: usize) -> String {
    let mut wrapped = String::with_capacity(text.len());
    let mut column = indent;
    for word in words(text) {
        let length = word.chars().count();
        if column > indent && column + 1 + length > width {
            wrapped.push('\n');
            wrapped.extend(std::iter::repeat_n(' ', indent));
            column = indent;
        } else if column > indent {
            wrapped.push(' ');
            column += 1;
        }
        wrapped.push_str(word);
        column += length;
    }
    wrapped
}

/// Words, with what stands in backquotes and the word that it stands in as one.
fn words(text: &str) -> impl Iterator<Item = &str> {
    let mut quoted = false;
    text.split(move |character: char| {
        quoted ^= character == '`';
        !quoted && character.is_whitespace()
    })
    .filter(|word| !word.is_empty())
}

/// `text`, and blanks up to `width` characters.
pub(super) fn padded(text: &str, width: usize) -> String {
    format!("{text:<width$}")
}

/// As many names as fit in `width`, and how many more there are.
pub(super) fn listed<'a>(names: impl ExactSizeIterator<Item = &'a str>, width: usize) -> String {
    let count = names.len();
    let mut text = String::new();
    for (index, name) in names.enumerate() {
        let more = format!(" and {} more", count - index);
        if index > 0 && text.chars().count() + 2 + name.chars().count() + more.len() > width {
            text.push_str(&more);
            return text;
        }
        if index > 0 {
            text.push_str(", ");
        }
        text.push_str(name);
    }
    text
}

/// `1,234,567`.
pub(super) fn grouped(number: usize) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `1 image`, `1,234 images`.
pub(super) fn counted(number: usize, one: &str, many: &str) -> String {
    format!("{} {}", grouped(number), if number == 1 { one } else { many })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_break_between_words_only() {
        assert_eq!(wrap("aa bb cc", 2, 7), "aa bb\n  cc");
        assert_eq!(wrap("aaaaaaaaaa b", 2, 7), "aaaaaaaaaa\n  b");
        assert_eq!(wrap("", 2, 7), "");
        assert_eq!(wrap("do `a b c d`, then e", 2, 7), "do\n  `a b c d`,\n  then\n  e");
        assert_eq!(wrap("an odd ` is no end", 2, 7), "an\n  odd\n  ` is no end");
    }

    #[test]
    fn long_lists_say_how_many_more_there_are() {
        let names = ["primary", "asia", "europe"];
        assert_eq!(listed(names.into_iter(), 40), "primary, asia, europe");
        assert_eq!(listed(names.into_iter(), 22), "primary and 2 more");
        assert_eq!(listed(names.into_iter(), 1), "primary and 2 more");
    }

    #[test]
    fn numbers_are_grouped_by_thousands() {
        assert_eq!(grouped(7), "7");
        assert_eq!(grouped(1_234), "1,234");
        assert_eq!(grouped(6_460_000), "6,460,000");
        assert_eq!(counted(1, "image", "images"), "1 image");
    }
}
