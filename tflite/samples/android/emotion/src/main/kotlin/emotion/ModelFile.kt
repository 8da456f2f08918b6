package emotion

import java.nio.ByteBuffer
import java.nio.ByteOrder
import kotlinx.serialization.json.Json
import kotlinx.serialization.json.float
import kotlinx.serialization.json.jsonArray
import kotlinx.serialization.json.jsonObject
import kotlinx.serialization.json.jsonPrimitive

/** Neighbouring scores that belong together; `task` is multi_label, single_label, ordinal or regression. */
data class Head(val name: String, val task: String, val outputs: List<String>)

/**
 * What a pushed .tflite file says of itself.
 *
 * @property thresholds by label of a multi-label head, the probability from which it applies.
 */
data class ModelFile(val rules: CleaningRules, val heads: List<Head>, val thresholds: Map<String, Float>) {
    companion object {
        /**
         * Reads the papers in a model's file.
         *
         * @param content the whole file; a mapped one is not copied.
         * @throws IllegalArgumentException the file holds no such papers.
         */
        fun read(content: ByteBuffer): ModelFile {
            val files = archivedFiles(content)
            fun text(name: String): String = requireNotNull(files[name]) {
                "The file holds no $name. Expected a .tflite file that emotion-pipeline pushed."
            }
            val rules = CleaningRules.fromJson(text("tokenizer.json"))
            require(rules.lowercase) {
                "The model tells upper from lower case, but MediaPipe lowers every text. Expected an uncased model."
            }
            return ModelFile(rules, heads(text("heads.json")), thresholds(text("thresholds.json")))
        }

        private fun heads(text: String): List<Head> = Json.parseToJsonElement(text).jsonArray.map {
            val head = it.jsonObject
            Head(
                name = head.getValue("name").jsonPrimitive.content,
                task = head.getValue("task").jsonPrimitive.content,
                outputs = head.getValue("outputs").jsonArray.map { label -> label.jsonPrimitive.content },
            )
        }

        private fun thresholds(text: String): Map<String, Float> =
            Json.parseToJsonElement(text).jsonObject.mapValues { (_, value) -> value.jsonPrimitive.float }
    }
}

private const val END_OF_DIRECTORY = 0x06054b50
private const val DIRECTORY_ENTRY = 0x02014b50
private const val END_BYTES = 22
private const val LONGEST_COMMENT = 0xFFFF

/**
 * The JSON files of the uncompressed zip archive behind the model, by name.
 *
 * Android's ZipFile wants an archive that begins where the file begins.
 */
private fun archivedFiles(content: ByteBuffer): Map<String, String> {
    val bytes = content.duplicate().order(ByteOrder.LITTLE_ENDIAN)
    fun short(at: Int) = bytes.getShort(at).toInt() and 0xFFFF
    fun text(at: Int, size: Int) = ByteArray(size).also { bytes.position(at); bytes.get(it) }.decodeToString()
    try {
        val end = endOfDirectory(bytes)
        var entry = bytes.getInt(end + 16)
        return buildMap {
            repeat(short(end + 10)) {
                require(bytes.getInt(entry) == DIRECTORY_ENTRY && short(entry + 10) == 0) {
                    "The archive behind the model is damaged or compressed. Push or copy the file again."
                }
                val name = text(entry + 46, short(entry + 28))
                val header = bytes.getInt(entry + 42)
                val start = header + 30 + short(header + 26) + short(header + 28)
                if (name.endsWith(".json")) put(name, text(start, bytes.getInt(entry + 24)))
                entry += 46 + short(entry + 28) + short(entry + 30) + short(entry + 32)
            }
        }
    } catch (error: RuntimeException) {
        if (error is IllegalArgumentException && error.message?.startsWith("The ") == true) throw error
        throw IllegalArgumentException("The archive behind the model is damaged. Push or copy the file again.", error)
    }
}

private fun endOfDirectory(bytes: ByteBuffer): Int {
    val last = bytes.limit() - END_BYTES
    return (last downTo maxOf(0, last - LONGEST_COMMENT)).firstOrNull { bytes.getInt(it) == END_OF_DIRECTORY }
        ?: throw IllegalArgumentException(
            "The file ends without metadata. Expected a .tflite file that emotion-pipeline pushed.",
        )
}
