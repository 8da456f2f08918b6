#!/usr/bin/env bash
# Compiles and tests the module `emotion` where Gradle's repositories cannot be reached: the compiler comes from npm, the
# JSON library from PyPI, JUnit and Bouncy Castle from Debian (`apt-get install junit4 libbcprov-java`).
#
#   ./check.sh [WORK]     WORK: where the downloads stay for the next time
set -euo pipefail
cd "$(dirname "$0")/emotion"
work=${1:-$(mktemp -d)}
mkdir -p "$work"

kotlin=$work/node_modules/kotlin-compiler
[ -d "$kotlin" ] || npm install --silent --no-save --no-package-lock --ignore-scripts --prefix "$work" kotlin-compiler@2.4.20
if [ ! -d "$work/jars" ]; then
  python3 -m pip download --quiet --no-deps --dest "$work" kotlin-jupyter-kernel==0.19.0.944
  unzip -q -j "$work"/kotlin_jupyter_kernel-*.whl '*/kotlinx-serialization-*.jar' -d "$work/jars"
fi

jars=$(printf '%s:' "$work"/jars/*.jar)$kotlin/lib/kotlin-test.jar:$kotlin/lib/kotlin-test-junit.jar
jars=$jars:$kotlin/lib/kotlin-stdlib.jar:/usr/share/java/junit4.jar:/usr/share/java/hamcrest-all.jar
jars=$jars:/usr/share/java/bcprov.jar
classes=$(mktemp -d)
trap 'rm -rf "$classes"' EXIT
bash "$kotlin/bin/kotlinc" -Werror -jvm-target 11 -classpath "$jars" -d "$classes" src
tests=$(cd src/test/kotlin && printf '%s\n' emotion/*Test.kt | sed 's|/|.|; s|\.kt$||')
# shellcheck disable=SC2086 # one argument a class
java -classpath "$classes:$jars" -Demotion.shared=../../shared org.junit.runner.JUnitCore $tests
