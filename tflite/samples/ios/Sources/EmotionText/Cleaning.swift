import Foundation

/// Cleans a text as the texts were cleaned that the model has learned from (tflite/text.py).
///
/// - Parameter text: as a person wrote it.
/// - Returns: what the model's tokenizer takes.
public func cleanText(_ text: String, rules: CleaningRules) -> String {
    var scalars = Array(text.unicodeScalars)
    for special in rules.specialTokens {
        scalars = replacing(Array(special.token.unicodeScalars), with: " \(special.word) ", in: scalars)
    }
    if !rules.characters.isEmpty {
        scalars = scalars.flatMap { scalar in
            rules.characters[String(scalar)].map { Array($0.unicodeScalars) } ?? [scalar]
        }
    }
    scalars = scalars.compactMap { withoutControls(isNewerThanUnicode13($0) ? unknownCharacter : $0) }
    if rules.stripAccents {
        let decomposed = string(scalars).decomposedStringWithCanonicalMapping
        scalars = decomposed.unicodeScalars.filter { $0.properties.generalCategory != .nonspacingMark }
    }
    if rules.lowercase {
        // One code point at a time: a whole text would get final sigmas.
        return scalars.reduce(into: "") {
            $0.unicodeScalars.append(contentsOf: $1.properties.lowercaseMapping.unicodeScalars)
        }
    }
    return string(scalars)
}

/// Letters, marks and punctuation that the Unicode tables of devices disagree on, those of 14 to 17 and U+1734.
private let newerThanUnicode13: [ClosedRange<UInt32>] = [
    0x061D...0x061D, 0x0890...0x089F, 0x08CA...0x08D2, 0x0C3C...0x0C3C, 0x0ECE...0x0ECE, 0x1715...0x1715,
    0x1734...0x1734, 0x180F...0x180F, 0x1AC1...0x1AEB, 0x1B4E...0x1B4F, 0x1B7D...0x1B7F, 0x1C89...0x1C89,
    0x1DFA...0x1DFA, 0x2C2F...0x2C2F, 0x2E53...0x2E5D, 0xA7C0...0xA7C0, 0xA7CB...0xA7DC, 0x10570...0x105E4,
    0x10D50...0x10D6E, 0x10ED0...0x10ED0, 0x10EFA...0x10EFF, 0x10F82...0x10F89, 0x11070...0x11074,
    0x110C2...0x110C2, 0x11241...0x11241, 0x11383...0x113E2, 0x116B9...0x116B9, 0x1171E...0x1171E,
    0x11B00...0x11BE1, 0x11F00...0x11F5A, 0x12FF1...0x12FF2, 0x13439...0x13455, 0x1611E...0x1612F,
    0x16D68...0x16D6F, 0x16EA0...0x16EB8, 0x1CF00...0x1CF46, 0x1E08F...0x1E08F, 0x1E2AE...0x1E2AE,
    0x1E4EC...0x1E6F5,
]

/// Private use, in no vocabulary: makes its word `[UNK]`.
private let unknownCharacter: Unicode.Scalar = "\u{E000}"

private func isNewerThanUnicode13(_ scalar: Unicode.Scalar) -> Bool {
    scalar.value >= 0x061D && newerThanUnicode13.contains { $0.contains(scalar.value) }
}

/// A space for what separates, nothing for what cannot be seen.
private func withoutControls(_ scalar: Unicode.Scalar) -> Unicode.Scalar? {
    if scalar == "\t" || scalar == "\n" || scalar == "\r" { return " " }
    if scalar == "\u{FFFD}" { return nil }
    switch scalar.properties.generalCategory {
    case .spaceSeparator, .lineSeparator, .paragraphSeparator: return " "
    case .control, .format, .surrogate: return nil
    default: return scalar
    }
}

/// By code points: String's own replacing takes an accent for a part of the letter before it.
private func replacing(
    _ token: [Unicode.Scalar], with word: String, in scalars: [Unicode.Scalar]
) -> [Unicode.Scalar] {
    guard let first = token.first, scalars.contains(first) else { return scalars }
    var replaced: [Unicode.Scalar] = []
    var at = 0
    while at < scalars.count {
        if scalars[at] == first, scalars[at...].starts(with: token) {
            replaced += word.unicodeScalars
            at += token.count
        } else {
            replaced.append(scalars[at])
            at += 1
        }
    }
    return replaced
}

private func string(_ scalars: [Unicode.Scalar]) -> String {
    var view = String.UnicodeScalarView()
    view.append(contentsOf: scalars)
    return String(view)
}
