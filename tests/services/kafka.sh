#!/usr/bin/env bash
# Installs Apache Kafka from Maven and runs one broker (KRaft, combined mode) on loopback.
set -euo pipefail
source "$(dirname "$0")/lib.sh"

usage() {
  cat >&2 <<EOF
usage: kafka.sh install                    download the broker into the cache
       kafka.sh start [--port N] [--dir D] start it in the background; returns when it accepts clients
       kafka.sh stop [--dir D]             stop it; the data stays in D
       kafka.sh run [--port N] [--dir D]   run it in the foreground

--port             port for clients (9092)
--controller-port  port that the broker talks to itself on (client port + 1)
--dir              configuration, data and log (\${TMPDIR:-/tmp}/tidemill-kafka)
EOF
  exit 2
}

version=$(sed -n 's:.*<kafka.version>\(.*\)</kafka.version>.*:\1:p' "$here/pom.xml")
libs=$cache/kafka-$version

download() {
  need mvn maven
  echo "kafka.sh: downloading Kafka $version into $cache" >&2
  mvn -q -B -Dstyle.color=never -f "$here/pom.xml" dependency:copy-dependencies \
    -DincludeScope=runtime -DoutputDirectory="$1" >&2 ||
    die "Maven could not download Kafka $version"
}

configure() {
  mkdir -p "$dir"
  cat >"$dir/server.properties" <<EOF
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:$controller_port
controller.listener.names=CONTROLLER
listeners=PLAINTEXT://127.0.0.1:$port,CONTROLLER://127.0.0.1:$controller_port
advertised.listeners=PLAINTEXT://127.0.0.1:$port
log.dirs=$dir/data

# One broker holds every replica.
offsets.topic.replication.factor=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
min.insync.replicas=1

# Small and quick: few internal partitions to create on first use, no wait for more group members,
# and a buffer for the log cleaner that leaves room in the heap.
offsets.topic.num.partitions=4
transaction.state.log.num.partitions=4
group.initial.rebalance.delay.ms=0
log.cleaner.dedupe.buffer.size=16777216

# After a kill the broker may come back only when its old session is over (9 s by default).
broker.heartbeat.interval.ms=500
broker.session.timeout.ms=3000

# Retention goes by record timestamps, and tests write records of long ago.
log.retention.ms=-1
EOF
  cat >"$dir/log4j2.properties" <<EOF
appender.out.type = Console
appender.out.name = out
appender.out.layout.type = PatternLayout
appender.out.layout.pattern = %d %p %m (%c{1})%n
rootLogger.level = WARN
rootLogger.appenderRef.out.ref = out
EOF
}

java_with() {
  local heap=$1
  shift
  exec java "-Xmx$heap" -XX:+UseSerialGC "-Dlog4j2.configurationFile=$dir/log4j2.properties" \
    -cp "$libs/*" "$@"
}

# The broker replaces this shell, so that whoever started the shell can wait for and kill the broker.
run() {
  configure
  if [ ! -e "$dir/data/meta.properties" ]; then
    id=$(head -c 16 /dev/urandom | base64 | tr '+/' '-_' | cut -c 1-22)
    (java_with 128m kafka.tools.StorageTool format "--cluster-id=$id" --config "$dir/server.properties")
  fi
  java_with 512m kafka.Kafka "$dir/server.properties"
}

broker_pid() {
  local pid
  pid=$(cat "$dir/pid" 2>/dev/null) || return
  # The number may have passed to another process since.
  grep -qsF -- "$dir" "/proc/$pid/cmdline" && echo "$pid"
}

accepts() {
  (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null
}

start() {
  if broker_pid >/dev/null; then
    die "already running in $dir"
  fi
  if accepts; then
    die "port $port is in use"
  fi
  mkdir -p "$dir"
  setsid "$0" run --port "$port" --controller-port "$controller_port" --dir "$dir" \
    </dev/null >"$dir/kafka.log" 2>&1 &
  local pid=$!
  echo "$pid" >"$dir/pid"
  until accepts; do
    if ! kill -0 "$pid" 2>/dev/null; then
      tail -n 20 "$dir/kafka.log" >&2
      die "the broker ended while starting; its log is $dir/kafka.log"
    fi
    sleep 0.2
  done
  echo "Kafka $version accepts clients at 127.0.0.1:$port; log and data are in $dir"
}

stop() {
  local pid
  if ! pid=$(broker_pid); then
    die "not running in $dir"
  fi
  kill "$pid"
  for _ in {1..100}; do
    [ -d "/proc/$pid" ] || return 0
    sleep 0.2
  done
  kill -9 "$pid"
}

command=${1-}
[ $# -gt 0 ] && shift
port=9092
controller_port=
dir=${TMPDIR:-/tmp}/tidemill-kafka
while [ $# -gt 1 ]; do
  case $1 in
    --port) port=$2 ;;
    --controller-port) controller_port=$2 ;;
    --dir) dir=$(realpath -m "$2") ;;
    *) usage ;;
  esac
  shift 2
done
[ $# -eq 0 ] || usage
controller_port=${controller_port:-$((port + 1))}

[ "$command" = stop ] || need java default-jre-headless
case $command in
  install) install_once "kafka-$version" download ;;
  start | run)
    install_once "kafka-$version" download
    "$command"
    ;;
  stop) stop ;;
  *) usage ;;
esac
