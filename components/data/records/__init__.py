"""tf.Example records in TFRecord files, without TensorFlow."""
