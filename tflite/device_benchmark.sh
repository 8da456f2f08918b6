#!/bin/sh
# Times the model beside this script on a phone, by LiteRT's benchmark_model, with the ids of real sentences.
#
#     ./run.sh BENCHMARK_MODEL [THREADS...]
#
# BENCHMARK_MODEL is Google's binary for the phone's processor (android_aarch64_benchmark_model, see "Measure on a
# phone" in docs/edge.md). Set ADB to name another adb, ANDROID_SERIAL to choose among phones. The phone should be
# cool and charged over half, and its screen on.
set -eu

binary=${1:?usage: ./run.sh BENCHMARK_MODEL [THREADS...]}
shift
[ $# -gt 0 ] || set -- 1 2 4
adb=${ADB:-adb}
here=$(cd "$(dirname "$0")" && pwd)
there=/data/local/tmp/emotion-bench

"$adb" shell "mkdir -p $there"
"$adb" push "$binary" "$there/benchmark_model"
"$adb" push "$here/$MODEL" "$there/"
"$adb" push "$here/inputs" "$there/"
"$adb" shell "chmod +x $there/benchmark_model"
for threads in "$@"; do
  for length in $LENGTHS; do
    files=""
    shapes=""
    for input in $INPUTS; do
      files="$files${files:+,}$input:$there/inputs/$input.$length.bin"
      shapes="$shapes${shapes:+:}1,$length"
    done
    echo "== $threads threads, $length tokens"
    "$adb" shell "$there/benchmark_model --graph=$there/$MODEL --num_threads=$threads --num_runs=50 --warmup_runs=5 \
      --report_peak_memory_footprint=true --input_layer=$INPUT_LAYER --input_layer_shape=$shapes \
      --input_layer_value_files=$files" 2>&1 | grep -E "Init|Inference timings|footprint|ERROR" ||
      echo "no timings: benchmark_model failed; run the command by hand to see why"
  done
done
