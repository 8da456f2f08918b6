package emotion

import java.io.File
import kotlin.test.Test
import kotlin.test.assertEquals
import kotlin.test.assertTrue
import kotlinx.serialization.json.Json
import kotlinx.serialization.json.JsonArray
import kotlinx.serialization.json.int
import kotlinx.serialization.json.jsonArray
import kotlinx.serialization.json.jsonObject
import kotlinx.serialization.json.jsonPrimitive

private const val BLOCK = 0x1000
private val PLANES = listOf(0, 1, 2, 3, 14)

/** The directory `shared` of the samples, beside this project. */
private val SHARED = File(System.getProperty("emotion.shared") ?: "../../shared")

class CleaningTest {
    private val rules = lines("cleaning.jsonl").first().map { CleaningRules.fromJson(it.jsonObject) }

    @Test
    fun `cleans nasty strings as Python does`() = cleans("cleaning.jsonl", least = 4000)

    @Test
    fun `cleans lone surrogates as Python does`() = cleans("lone_surrogates.jsonl", least = 80)

    private fun cleans(name: String, least: Int) {
        val cases = lines(name).drop(1)
        assertTrue(cases.size >= least, "$name has ${cases.size} cases")
        val wrong = cases.filter { (number, text, cleaned) ->
            cleanText(text.jsonPrimitive.content, rules[number.jsonPrimitive.int]) != cleaned.jsonPrimitive.content
        }
        assertEquals(emptyList(), wrong)
    }

    @Test
    fun `cleans every code point as Python does`() {
        val expected = Json.parseToJsonElement(File(SHARED, "code_points.json").readText()).jsonArray
        val blocks = PLANES.flatMap { plane -> List(16) { (plane shl 16) + it * BLOCK } }
        rules.forEachIndexed { number, own ->
            val hashes = expected[number].jsonArray.map { it.jsonPrimitive.content }
            assertEquals(hashes, blocks.map { fnv1a(cleanText(block(it), own)) }, "rule set $number")
        }
    }

    private fun lines(name: String): List<JsonArray> =
        File(SHARED, name).readLines().map { Json.parseToJsonElement(it).jsonArray }

    private fun block(first: Int): String = (first until first + BLOCK)
        .filter { it !in 0xD800..0xDFFF }
        .joinToString(" ") { "A${String(Character.toChars(it))}\u0327E" }

    private fun fnv1a(text: String): String {
        val hash = text.encodeToByteArray().fold(0x811C9DC5.toInt()) { hash, byte ->
            (hash xor (byte.toInt() and 0xFF)) * 0x01000193
        }
        return "%08x".format(hash)
    }
}
