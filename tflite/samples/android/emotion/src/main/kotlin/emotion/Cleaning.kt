package emotion

import java.text.Normalizer
import java.util.Locale

/** Letters, marks and punctuation that the Unicode tables of devices disagree on, those of 14 to 17 and U+1734. */
private val NEWER_THAN_UNICODE_13 = Regex(
    "[\\u061d\\u0890-\\u089f\\u08ca-\\u08d2\\u0c3c\\u0ece\\u1715\\u1734\\u180f\\u1ac1-\\u1aeb\\u1b4e-\\u1b4f\\u1b7d-\\u1b7f\\u1c89" +
        "\\u1dfa\\u2c2f\\u2e53-\\u2e5d\\ua7c0\\ua7cb-\\ua7dc\\x{10570}-\\x{105e4}\\x{10d50}-\\x{10d6e}\\x{10ed0}" +
        "\\x{10efa}-\\x{10eff}\\x{10f82}-\\x{10f89}\\x{11070}-\\x{11074}\\x{110c2}\\x{11241}" +
        "\\x{11383}-\\x{113e2}\\x{116b9}\\x{1171e}\\x{11b00}-\\x{11be1}\\x{11f00}-\\x{11f5a}" +
        "\\x{12ff1}-\\x{12ff2}\\x{13439}-\\x{13455}\\x{1611e}-\\x{1612f}\\x{16d68}-\\x{16d6f}" +
        "\\x{16ea0}-\\x{16eb8}\\x{1cf00}-\\x{1cf46}\\x{1e08f}\\x{1e2ae}\\x{1e4ec}-\\x{1e6f5}]",
)

/** Private use, in no vocabulary: makes its word `[UNK]`. */
private const val UNKNOWN_CHARACTER = "\ue000"

private const val REPLACEMENT_CHARACTER = 0xFFFD

/**
 * Cleans a text as the texts were cleaned that the model has learned from (tflite/text.py).
 *
 * @param text as a person wrote it; may hold lone surrogates.
 * @return what the model's tokenizer takes.
 */
fun cleanText(text: String, rules: CleaningRules): String {
    var cleaned = rules.specialTokens.entries.fold(text) { done, (token, word) -> done.replace(token, " $word ") }
    if (rules.characters.isNotEmpty()) {
        cleaned = cleaned.mapCodePoints { code -> String(Character.toChars(code)).let { rules.characters[it] ?: it } }
    }
    cleaned = NEWER_THAN_UNICODE_13.replace(cleaned, UNKNOWN_CHARACTER).mapCodePoints(::withoutControls)
    if (rules.stripAccents) {
        cleaned = Normalizer.normalize(cleaned, Normalizer.Form.NFD).mapCodePoints(::withoutMarks)
    }
    return if (rules.lowercase) cleaned.mapCodePoints(::inLowerCase) else cleaned
}

private fun withoutControls(code: Int): String? = when (Character.getType(code).toByte()) {
    Character.SPACE_SEPARATOR, Character.LINE_SEPARATOR, Character.PARAGRAPH_SEPARATOR -> " "
    Character.CONTROL -> if (code == '\t'.code || code == '\n'.code || code == '\r'.code) " " else ""
    Character.FORMAT, Character.SURROGATE -> ""
    else -> if (code == REPLACEMENT_CHARACTER) "" else null
}

private fun withoutMarks(code: Int): String? =
    if (Character.getType(code).toByte() == Character.NON_SPACING_MARK) "" else null

/** One code point at a time, and in no language: a whole text would get final sigmas. */
private fun inLowerCase(code: Int): String? =
    if (code < 0x80) {
        if (code in 'A'.code..'Z'.code) (code + 0x20).toChar().toString() else null
    } else {
        String(Character.toChars(code)).lowercase(Locale.ROOT)
    }

/** Puts what `change` returns in the place of each code point; null leaves it as it is. */
private inline fun String.mapCodePoints(change: (Int) -> String?): String {
    val changed = StringBuilder(length)
    var at = 0
    while (at < length) {
        val code = codePointAt(at)
        val replacement = change(code)
        if (replacement == null) changed.appendCodePoint(code) else changed.append(replacement)
        at += Character.charCount(code)
    }
    return changed.toString()
}
