package emotion

import kotlinx.serialization.json.Json
import kotlinx.serialization.json.JsonObject
import kotlinx.serialization.json.boolean
import kotlinx.serialization.json.jsonObject
import kotlinx.serialization.json.jsonPrimitive

/**
 * How a model wants its text: the `tokenizer.json` of a pushed file.
 *
 * @property lowercase lower case every code point on its own.
 * @property stripAccents decompose and drop nonspacing marks.
 * @property specialTokens vocabulary word by special token, replaced in this order.
 * @property characters what a single code point is replaced by.
 */
data class CleaningRules(
    val lowercase: Boolean,
    val stripAccents: Boolean,
    val specialTokens: Map<String, String> = emptyMap(),
    val characters: Map<String, String> = emptyMap(),
) {
    companion object {
        fun fromJson(text: String): CleaningRules = fromJson(Json.parseToJsonElement(text).jsonObject)

        fun fromJson(document: JsonObject) = CleaningRules(
            lowercase = document.getValue("lowercase").jsonPrimitive.boolean,
            stripAccents = document.getValue("strip_accents").jsonPrimitive.boolean,
            specialTokens = document.strings("special_tokens"),
            characters = document.strings("characters"),
        )

        private fun JsonObject.strings(name: String): Map<String, String> =
            this[name]?.jsonObject.orEmpty().mapValues { (_, value) -> value.jsonPrimitive.content }
    }
}
