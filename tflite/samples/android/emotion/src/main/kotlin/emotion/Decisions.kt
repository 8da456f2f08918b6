package emotion

/**
 * One output of one text.
 *
 * @property score probability 0-1; of a regression head its number.
 * @property threshold probability from which the label applies; null outside multi-label heads.
 */
data class LabelScore(val label: String, val score: Float, val threshold: Float?, val decided: Boolean)

/** What the scores of a text say, head by head (tflite/heads.py); labels stand with the highest score first. */
fun ModelFile.decide(scores: FloatArray): List<List<LabelScore>> {
    require(scores.size == heads.sumOf { it.outputs.size }) { "Got ${scores.size} scores for other outputs." }
    var start = 0
    return heads.map { head ->
        val own = scores.copyOfRange(start, start + head.outputs.size).also { start += it.size }
        val likeliest = own.indices.maxBy { own[it] }
        val labels = head.outputs.mapIndexed { index, label ->
            val threshold = if (head.task == "multi_label") thresholds.getValue(label) else null
            val decided = if (threshold != null) own[index] >= threshold else head.task != "regression" && index == likeliest
            LabelScore(label, own[index], threshold, decided)
        }
        if (head.task == "regression") labels else labels.sortedByDescending { it.score }
    }
}
