//! The text opcodes of protocol 0: what `pickle.dump(x, file)` wrote by default in Python 2.

use std::borrow::Cow;

/// The argument of `STRING`: a Python 2 string literal, quotes included.
pub(crate) fn string_literal(line: &[u8]) -> Option<Cow<'_, [u8]>> {
    let quote = *line.first()?;
    let body = line.strip_prefix(b"'").or_else(|| line.strip_prefix(b"\""))?.strip_suffix(&[quote])?;
    if !body.contains(&b'\\') {
        return Some(Cow::Borrowed(body));
    }
    let mut out = Vec::with_capacity(body.len());
    let mut rest = body.iter().copied();
    while let Some(byte) = rest.next() {
        out.push(match byte {
            b'\\' => match rest.next()? {
                b'n' => b'\n',
                b'r' => b'\r',
                b't' => b'\t',
                c @ (b'\\' | b'\'' | b'"') => c,
                b'x' => hex(&mut rest, 2).and_then(|value| u8::try_from(value).ok())?,
                _ => return None,
            },
            byte => byte,
        });
    }
    Some(Cow::Owned(out))
}

/// The argument of `UNICODE`: Latin-1 with `\uXXXX` and `\UXXXXXXXX` for the rest.
pub(crate) fn raw_unicode(line: &[u8]) -> Option<String> {
    let mut out = String::with_capacity(line.len());
    let mut at = 0;
    while let Some(&byte) = line.get(at) {
        let digits = match line.get(at + 1) {
            Some(b'u') if byte == b'\\' => 4,
            Some(b'U') if byte == b'\\' => 8,
            _ => {
                out.push(char::from(byte));
                at += 1;
                continue;
            }
        };
        let value = hex(&mut line.get(at + 2..)?.iter().copied(), digits)?;
        out.push(char::from_u32(value)?);
        at += 2 + digits;
    }
    Some(out)
}

fn hex(bytes: &mut impl Iterator<Item = u8>, digits: usize) -> Option<u32> {
    (0..digits).try_fold(0u32, |value, _| {
        let digit = char::from(bytes.next()?).to_digit(16)?;
        value.checked_mul(16)?.checked_add(digit)
    })
}

/// The decimal argument of `INT`, `LONG`, `PUT` and `GET`.
pub(crate) fn decimal<T: std::str::FromStr>(line: &[u8]) -> Option<T> {
    std::str::from_utf8(line).ok()?.trim().parse().ok()
}
