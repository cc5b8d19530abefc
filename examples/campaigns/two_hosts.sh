#!/usr/bin/env bash
# The campaign of two_hosts.sky.yaml on hosts of your own. On each of them, with its number from 0:
#
#   bash examples/campaigns/two_hosts.sh 0 ADDRESS-OF-HOST-0
#   bash examples/campaigns/two_hosts.sh 1 ADDRESS-OF-HOST-0
#
# `measure run --gpus` is torchrun's launcher: it starts a process for each GPU of its host, and the
# hosts meet at the address given, within five minutes of each other. More options go to it as they
# are, such as --dry-run, which shows every window and how long they take, and starts nothing.
set -euo pipefail
cd "$(dirname "$0")/../.."

rank=$1 first=$2
shift 2
exec python -m measure run --suite scaling --stack compiled-bf16 --gpus 1,2,4,8,16 \
    --nodes 2 --node-rank "$rank" --rendezvous "$first:29500" --out campaign "$@"
