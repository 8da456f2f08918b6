package emotion

import java.io.File
import java.security.MessageDigest
import java.util.Base64
import kotlinx.serialization.json.Json
import kotlinx.serialization.json.JsonArray
import kotlinx.serialization.json.JsonElement
import kotlinx.serialization.json.JsonObject
import kotlinx.serialization.json.JsonPrimitive
import kotlinx.serialization.json.contentOrNull
import kotlinx.serialization.json.int
import kotlinx.serialization.json.jsonObject
import kotlinx.serialization.json.jsonPrimitive
import kotlinx.serialization.json.long
import org.bouncycastle.crypto.params.Ed25519PublicKeyParameters
import org.bouncycastle.crypto.signers.Ed25519Signer

private const val FORMAT_VERSION = 1

private val ED25519 = listOf<Byte>(0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00)

/** Why a model that is offered is not taken; the app keeps the one it has. */
class UpdateRefused(message: String, cause: Throwable? = null) : Exception(message, cause)

/** A file that an app can load; `file` is relative to `update.json`. */
data class UpdateFile(val file: String, val size: Long, val sha256: String) {
    /**
     * Checks a download before it takes the place of the old file.
     *
     * @throws UpdateRefused it is another file.
     */
    fun check(download: File) {
        if (download.length() != size) throw UpdateRefused("${download.length()} bytes, $size expected")
        val digest = MessageDigest.getInstance("SHA-256")
        download.inputStream().use { stream ->
            val buffer = ByteArray(1 shl 16)
            while (true) {
                val count = stream.read(buffer)
                if (count < 0) break
                digest.update(buffer, 0, count)
            }
        }
        val found = digest.digest().joinToString("") { "%02x".format(it) }
        if (found != sha256) throw UpdateRefused("SHA-256 $found, $sha256 expected")
    }
}

/**
 * What an app should have now: the `update.json` beside the pushed versions (tflite/update.py).
 *
 * @property release grows with every release, also with one that goes back to an older model.
 * @property files by variant, `float32` and `int8`.
 */
data class AppUpdate(val release: Int, val minimumAppVersion: String?, val files: Map<String, UpdateFile>) {
    companion object {
        /**
         * Reads an `update.json` that came over a line that nobody vouches for.
         *
         * @param publicKeys the Ed25519 keys that the app trusts, each the base64 lines of its PEM file.
         * @param installedRelease release that the app has; 0 for the model it was built with.
         * @throws UpdateRefused it is not signed by such a key, was changed, is older than what the app has, or wants a
         *     newer app.
         */
        fun read(text: String, publicKeys: List<String>, installedRelease: Int, appVersion: String): AppUpdate {
            val update = try {
                val document = Json.parseToJsonElement(text).jsonObject
                checkSignature(document, publicKeys)
                read(document)
            } catch (error: IllegalArgumentException) {
                throw UpdateRefused("update.json is damaged", error)
            } catch (error: NoSuchElementException) {
                throw UpdateRefused("update.json is incomplete", error)
            }
            if (update.release < installedRelease) {
                throw UpdateRefused("release ${update.release} is older than $installedRelease, which is installed")
            }
            val needed = update.minimumAppVersion
            if (needed != null && isOlder(appVersion, needed)) throw UpdateRefused("the model needs app $needed")
            return update
        }

        private fun read(document: JsonObject): AppUpdate {
            val format = document.getValue("format_version").jsonPrimitive.int
            if (format != FORMAT_VERSION) throw UpdateRefused("update.json has format $format, not $FORMAT_VERSION")
            return AppUpdate(
                release = document.getValue("release").jsonPrimitive.int,
                minimumAppVersion = document["minimum_app_version"]?.jsonPrimitive?.contentOrNull,
                files = document.getValue("files").jsonObject.mapValues { (_, value) ->
                    val file = value.jsonObject
                    UpdateFile(
                        file = file.getValue("file").jsonPrimitive.content,
                        size = file.getValue("size").jsonPrimitive.long,
                        sha256 = file.getValue("sha256").jsonPrimitive.content,
                    )
                },
            )
        }

        private fun isOlder(version: String, needed: String): Boolean {
            val (own, other) = listOf(version, needed).map(::numbers)
            val differing = (0 until maxOf(own.size, other.size))
                .map { own.getOrElse(it) { 0 } to other.getOrElse(it) { 0 } }
                .firstOrNull { (mine, theirs) -> mine != theirs }
            return differing != null && differing.first < differing.second
        }

        private fun numbers(version: String): List<Int> = version.split('.').map {
            it.toIntOrNull() ?: throw UpdateRefused("version $version is not of numbers and dots, such as 2.3.0")
        }
    }
}

private fun checkSignature(document: JsonObject, publicKeys: List<String>) {
    val signature = document["signature"] as? JsonObject ?: throw UpdateRefused("update.json is not signed")
    val algorithm = signature.getValue("algorithm").jsonPrimitive.content
    if (algorithm != "ed25519") throw UpdateRefused("update.json is signed by $algorithm, not ed25519")
    val value = Base64.getDecoder().decode(signature.getValue("value").jsonPrimitive.content)
    val signed = canonicalJson(JsonObject(document - "signature")).encodeToByteArray()
    if (publicKeys.map(::ed25519Key).none { isSignedBy(it, signed, value) }) {
        throw UpdateRefused("update.json is not signed by a trusted key, or was changed since")
    }
}

/** A key of the PEM form: 12 bytes that say Ed25519 (RFC 8410), and the 32 of the key. */
private fun ed25519Key(publicKey: String): Ed25519PublicKeyParameters = try {
    val encoded = Base64.getMimeDecoder().decode(publicKey)
    val algorithm = encoded.take(ED25519.size)
    require(algorithm == ED25519 && encoded.size == ED25519.size + Ed25519PublicKeyParameters.KEY_SIZE)
    Ed25519PublicKeyParameters(encoded, ED25519.size)
} catch (error: IllegalArgumentException) {
    throw UpdateRefused("update.json cannot be checked: a trusted key is no Ed25519 key", error)
}

// Not by java.security: Android's own Ed25519 is that of the key store, which reads no public key.
private fun isSignedBy(key: Ed25519PublicKeyParameters, signed: ByteArray, signature: ByteArray): Boolean =
    Ed25519Signer().run {
        init(false, key)
        update(signed, 0, signed.size)
        verifySignature(signature)
    }

/** Keys sorted, no white space: the JSON Canonicalization Scheme (RFC 8785) for strings, whole numbers, booleans and null. */
private fun canonicalJson(element: JsonElement): String = when (element) {
    is JsonObject -> element.entries.sortedBy { it.key }
        .joinToString(",", "{", "}") { (key, value) -> "${JsonPrimitive(key)}:${canonicalJson(value)}" }
    is JsonArray -> element.joinToString(",", "[", "]", transform = ::canonicalJson)
    is JsonPrimitive -> element.toString()
}
