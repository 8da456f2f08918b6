package emotion

import java.io.File
import kotlin.test.Test
import kotlin.test.assertContains
import kotlin.test.assertEquals
import kotlin.test.assertFailsWith

private const val KEY = "MCowBQYDK2VwAyEAA6EHv/POEL4dcN0Y50vAmWfk1jCbpQ1fHdyGZBJVMbg="
private const val OTHER_KEY = "MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE="

class AppUpdateTest {
    private val text = File(System.getProperty("emotion.shared") ?: "../../shared", "update.json").readText()

    private fun read(
        text: String = this.text,
        keys: List<String> = listOf(OTHER_KEY, KEY),
        installed: Int = 3,
        app: String = "1.10.0",
    ) = AppUpdate.read(text, keys, installed, app)

    @Test
    fun `reads what is signed by a trusted key`() {
        val update = read()
        assertEquals(3, update.release)
        assertEquals("7/emotion_int8.tflite", update.files.getValue("int8").file)
    }

    @Test
    fun `refuses everything else`() {
        val wrong = mapOf(
            "not signed by a trusted key" to { read(keys = listOf(OTHER_KEY)) },
            "was changed since" to { read(text.replace("\"release\": 3", "\"release\": 4")) },
            "was changed since " to { read(text.replace("\"size\": 8", "\"size\": 9")) },
            "not signed" to { read(text.replace("\"signature\"", "\"signed\"")) },
            "older than 4" to { read(installed = 4) },
            "needs app 1.10" to { read(app = "1.9.9") },
            "damaged" to { read(text.dropLast(3)) },
            "numbers and dots" to { read(app = "1.11-beta") },
            "incomplete" to { read("""{"signature": {}}""") },
            "cannot be checked" to { read(keys = listOf("AAAA")) },
            "no Ed25519 key" to { read(keys = listOf(KEY.replace("MCowBQYDK2Vw", "MCowBQYDK2Vv"))) },
            "trusted key is no" to { read(keys = listOf("é")) },
            "or was changed" to { read(text.replace(Regex("\"value\": \"[^\"]*\""), "\"value\": \"AAAA\"")) },
        )
        for ((message, call) in wrong) {
            assertContains(assertFailsWith<UpdateRefused>(message) { call() }.message.orEmpty(), message.trim())
        }
    }

    @Test
    fun `checks a download`() {
        val expected = read().files.getValue("int8")
        val download = File.createTempFile("emotion", ".tflite")
        try {
            expected.check(download.apply { writeText("grün 7\n") })
            assertFailsWith<UpdateRefused> { expected.check(download.apply { writeText("grün 8\n") }) }
            assertFailsWith<UpdateRefused> { expected.check(download.apply { writeText("grün 7") }) }
        } finally {
            download.delete()
        }
    }
}
