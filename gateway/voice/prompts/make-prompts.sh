#!/usr/bin/env bash
# Makes the prompts that are shipped, from espeak-ng and sox (Debian packages of these names).
set -euo pipefail
cd "$(dirname "$0")"

# 8 kHz mono 16-bit linear PCM is what goes into G.711 unchanged.
speak() {
  espeak-ng -v "$1" -s "$2" --stdout "$4" |
    sox -t wav --ignore-length - -r 8000 -c 1 -b 16 "$3" norm -6 silence 1 0.01 0.1% reverse silence 1 0.01 0.1% reverse
}

# The voice `cmn` spells Hanzi as English letters; toned pinyin it reads well. What it says:
# 请输入您的银行卡密码,然后按井号键。如要重新输入,请按星号键。
speak cmn-latn-pinyin 140 zh/enter-pin.wav \
  "qing3 shu1 ru4 nin2 de5 yin2 hang2 ka3 mi4 ma3, ran2 hou4 an4 jing3 hao4 jian4. ru2 yao4 chong2 xin1 shu1 ru4, qing3 an4 xing1 hao4 jian4."
# 密码不正确。请重新输入您的银行卡密码,然后按井号键。如要重新输入,请按星号键。
speak cmn-latn-pinyin 140 zh/wrong-pin.wav \
  "mi4 ma3 bu2 zheng4 que4. qing3 chong2 xin1 shu1 ru4 nin2 de5 yin2 hang2 ka3 mi4 ma3, ran2 hou4 an4 jing3 hao4 jian4. ru2 yao4 chong2 xin1 shu1 ru4, qing3 an4 xing1 hao4 jian4."
speak en-gb 145 en/enter-pin.wav \
  "Please enter the PIN of your card, then press the hash key. To start over, press the star key."
speak en-gb 145 en/wrong-pin.wav \
  "That PIN was not right. Please enter the PIN of your card again, then press the hash key. To start over, press the star key."
