package emotion

import java.io.ByteArrayOutputStream
import java.nio.ByteBuffer
import java.util.zip.CRC32
import java.util.zip.ZipEntry
import java.util.zip.ZipOutputStream
import kotlin.test.Test
import kotlin.test.assertContains
import kotlin.test.assertEquals
import kotlin.test.assertFailsWith

private val PAPERS = mapOf(
    "vocab.txt" to "[PAD]\n[UNK]\n",
    "tokenizer.json" to
        """{"format_version": 2, "lowercase": true, "strip_accents": true, "special_tokens": {"[NAME]": "xxname"},
            "characters": {"😀": " grin "}, "max_tokens": 128, "segments": 1}""",
    "heads.json" to
        """[{"name": "emotion", "task": "multi_label", "outputs": ["joy", "fear"], "mean": [], "std": []},
            {"name": "tone", "task": "single_label", "outputs": ["up", "down"], "mean": [], "std": []},
            {"name": "stars", "task": "regression", "outputs": ["stars"], "mean": [3.0], "std": [1.0]}]""",
    "thresholds.json" to """{"joy": 0.3, "fear": 0.7}""",
)

class ModelFileTest {
    @Test
    fun `reads the papers behind a model`() {
        val model = ModelFile.read(file(PAPERS))
        assertEquals(CleaningRules(true, true, mapOf("[NAME]" to "xxname"), mapOf("😀" to " grin ")), model.rules)
        assertEquals(listOf("multi_label", "single_label", "regression"), model.heads.map { it.task })
        assertEquals(mapOf("joy" to 0.3f, "fear" to 0.7f), model.thresholds)
        assertEquals("hi xxname  grin", cleanText("Hí[NAME]😀", model.rules).trimEnd())
    }

    @Test
    fun `says what is wrong with a file`() {
        val wrong = mapOf(
            file(PAPERS - "heads.json") to "holds no heads.json",
            file(PAPERS, compressed = true) to "compressed",
            file(PAPERS + ("tokenizer.json" to """{"lowercase": false, "strip_accents": false}""")) to "uncased",
            ByteBuffer.allocate(4096) to "without metadata",
            ByteBuffer.allocate(0) to "without metadata",
            damaged(file(PAPERS)) to "damaged",
        )
        for ((content, message) in wrong) {
            val error = assertFailsWith<IllegalArgumentException> { ModelFile.read(content) }
            assertContains(error.message.orEmpty(), message)
        }
    }

    @Test
    fun `decides by thresholds, by the likeliest, and no number`() {
        val (emotion, tone, stars) = ModelFile.read(file(PAPERS)).decide(floatArrayOf(0.3f, 0.69f, 0.2f, 0.8f, 4.5f))
        assertEquals(
            listOf(LabelScore("fear", 0.69f, 0.7f, decided = false), LabelScore("joy", 0.3f, 0.3f, decided = true)),
            emotion,
        )
        assertEquals(listOf("down"), tone.filter { it.decided }.map { it.label })
        assertEquals(listOf(LabelScore("stars", 4.5f, null, decided = false)), stars)
    }

    /** A model's bytes and an archive behind them, whose offsets count from the beginning of the file. */
    private fun file(papers: Map<String, String>, compressed: Boolean = false): ByteBuffer {
        val model = ByteArray(1000) { it.toByte() }
        val file = ByteArrayOutputStream().apply { write(model) }
        val archive = ByteArrayOutputStream()
        ZipOutputStream(archive).use { zip ->
            for ((name, text) in papers) zip.add(name, text.encodeToByteArray(), compressed)
        }
        val bytes = ByteBuffer.wrap(archive.toByteArray()).order(java.nio.ByteOrder.LITTLE_ENDIAN)
        moveOffsets(bytes, model.size)
        return ByteBuffer.wrap(file.apply { write(bytes.array()) }.toByteArray())
    }

    private fun ZipOutputStream.add(name: String, bytes: ByteArray, compressed: Boolean) {
        val entry = ZipEntry(name)
        if (!compressed) {
            entry.method = ZipEntry.STORED
            entry.size = bytes.size.toLong()
            entry.crc = CRC32().apply { update(bytes) }.value
        }
        putNextEntry(entry)
        write(bytes)
        closeEntry()
    }

    private fun moveOffsets(archive: ByteBuffer, by: Int) {
        val end = archive.limit() - 22
        var entry = archive.getInt(end + 16)
        repeat(archive.getShort(end + 10).toInt()) {
            archive.putInt(entry + 42, archive.getInt(entry + 42) + by)
            entry += 46 + archive.getShort(entry + 28) + archive.getShort(entry + 30) + archive.getShort(entry + 32)
        }
        archive.putInt(end + 16, archive.getInt(end + 16) + by)
    }

    private fun damaged(file: ByteBuffer): ByteBuffer =
        file.order(java.nio.ByteOrder.LITTLE_ENDIAN).also { it.putInt(it.limit() - 6, Int.MAX_VALUE) }
}
