package emotion.app

import android.content.Context
import com.google.mediapipe.tasks.core.BaseOptions
import com.google.mediapipe.tasks.text.textclassifier.TextClassifier
import com.google.mediapipe.tasks.text.textclassifier.TextClassifier.TextClassifierOptions
import emotion.LabelScore
import emotion.ModelFile
import emotion.cleanText
import emotion.decide
import java.io.Closeable
import java.io.File
import java.io.FileInputStream
import java.io.RandomAccessFile
import java.nio.MappedByteBuffer
import java.nio.channels.FileChannel

private const val ASSET = "emotion.tflite"

/** The model in MediaPipe's TextClassifier, with the cleaning before it and the decisions behind it. One thread at a time. */
class EmotionClassifier(context: Context, content: MappedByteBuffer) : Closeable {
    private val model = ModelFile.read(content)
    private val mediaPipe = TextClassifier.createFromOptions(
        context,
        TextClassifierOptions.builder()
            .setBaseOptions(BaseOptions.builder().setModelAssetBuffer(content).build())
            .build(),
    )

    /**
     * Decisions and scores of a text, head by head.
     *
     * A file that was pushed with `suppress_undecided` gives a score of 0 to each label under its threshold.
     */
    fun classify(text: String): List<List<LabelScore>> {
        val result = mediaPipe.classify(cleanText(text, model.rules)).classificationResult()
        val scores = FloatArray(model.heads.sumOf { it.outputs.size })
        for (category in result.classifications().first().categories()) {
            scores[category.index()] = category.score()
        }
        return model.decide(scores)
    }

    override fun close() = mediaPipe.close()

    companion object {
        /** Opens the model that the app was built with. */
        fun ofAssets(context: Context): EmotionClassifier = context.assets.openFd(ASSET).use { asset ->
            FileInputStream(asset.fileDescriptor).channel.use { channel ->
                val content = channel.map(FileChannel.MapMode.READ_ONLY, asset.startOffset, asset.declaredLength)
                EmotionClassifier(context, content)
            }
        }

        /** Opens a model that came later (`emotion.AppUpdate`). */
        fun ofFile(context: Context, file: File): EmotionClassifier = RandomAccessFile(file, "r").use {
            EmotionClassifier(context, it.channel.map(FileChannel.MapMode.READ_ONLY, 0, file.length()))
        }
    }
}
