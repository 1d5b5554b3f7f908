#!/bin/sh
# deploy/kafka.sh fetch                         fetches Apache Kafka: the jars that deploy/kafka.jars names
# deploy/kafka.sh format FOLDER PORT CONTROLLER  prepares a broker's folder
# deploy/kafka.sh run FOLDER [PORT CONTROLLER]   prepares the folder unless it is prepared, and runs the broker
#
# A broker for development and tests, which needs a Java of version 17 or newer: one node in KRaft mode, broker and
# controller in one, on 127.0.0.1, with little memory. FOLDER/server.properties is used as it is if it is there; more
# nodes, TLS or users are a matter of that file. KAFKA_FORMAT has further arguments of Kafka's StorageTool, one a line. The broker runs in the foreground; SIGTERM ends it.
#
# Maven fetches the jars, from where its settings say. Without Maven, MAVEN_REPO names the URL of a Maven repository,
# and curl fetches them from there. They are kept in KAFKA_HOME, which is ~/.cache/tickgate/kafka unless it is set.
set -euf

here=$(dirname "$0")
home=${KAFKA_HOME:-${XDG_CACHE_HOME:-$HOME/.cache}/tickgate/kafka}
list=$here/kafka.jars
cluster=dGlja2dhdGUtdGlja2dhdA

fail() {
    printf 'kafka.sh: %s\n' "$@" >&2
    exit 1
}

# "SHA-256  FILE" of each jar, as sha256sum reads it.
sums() {
    while read -r sum place; do
        case $sum in '#'*) continue ;; esac
        rest=${place#*:}
        printf '%s  %s-%s.jar\n' "$sum" "${rest%:*}" "${rest#*:}"
    done <"$list"
}

whole() {
    [ -d "$1" ] && sums | (cd "$1" && sha256sum --check --status --strict 2>/dev/null)
}

by_curl() {
    while read -r sum place; do
        case $sum in '#'*) continue ;; esac
        group=$(printf %s "${place%%:*}" | tr . /)
        rest=${place#*:}
        artifact=${rest%:*} version=${rest#*:}
        curl --fail --silent --show-error --location --retry 3 --output "$1/$artifact-$version.jar" \
            "${MAVEN_REPO%/}/$group/$artifact/$version/$artifact-$version.jar" || return 1
    done <"$list"
}

by_maven() {
    {
        printf '<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>'
        printf '<groupId>tickgate</groupId><artifactId>kafka</artifactId><version>1</version><packaging>pom</packaging>'
        printf '<dependencies>'
        while read -r sum place; do
            case $sum in '#'*) continue ;; esac
            rest=${place#*:}
            printf '<dependency><groupId>%s</groupId><artifactId>%s</artifactId><version>%s</version>' \
                "${place%%:*}" "${rest%:*}" "${rest#*:}"
            # The list is complete, so nothing else is looked for.
            printf '<exclusions><exclusion><groupId>*</groupId><artifactId>*</artifactId></exclusion></exclusions>'
            printf '</dependency>'
        done <"$list"
        printf '</dependencies></project>\n'
    } >"$1/pom.xml"
    mvn --quiet --batch-mode -Dstyle.color=never --file "$1/pom.xml" org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies \
        -DoutputDirectory="$1" >&2
}

fetch() {
    whole "$home" && return
    mkdir -p "$(dirname "$home")"
    # Beside the folder and renamed at the end: others may be fetching too.
    fetched=$(mktemp -d "$home.XXXXXX")
    trap 'rm -rf "$fetched"' EXIT
    if [ -n "${MAVEN_REPO:-}" ]; then
        by_curl "$fetched" || fail "cannot fetch the jars of Kafka from MAVEN_REPO; see above"
    elif command -v mvn >/dev/null 2>&1; then
        by_maven "$fetched" || fail "Maven cannot fetch the jars of Kafka; see above"
    else
        fail "the jars of Kafka are not here; install Maven (Debian: apt-get install maven)," \
            "or set MAVEN_REPO to the URL of a Maven repository, such as Maven Central's"
    fi
    whole "$fetched" || fail "the fetched jars of Kafka are not those that $list names"
    if [ -d "$home" ]; then rm -rf "$home"; fi
    mv "$fetched" "$home" 2>/dev/null || whole "$home" || fail "cannot write to $home; set KAFKA_HOME"
    trap - EXIT
}

java_of() {
    command -v java >/dev/null 2>&1 || fail "there is no Java; install it (Debian: apt-get install default-jre-headless)"
    # Only its serial collector and first compiler: a small broker is ready sooner, and needs less memory.
    echo "java -Xms64m -Xmx${KAFKA_HEAP:-256m} -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -Xshare:auto"
}

properties() {
    cat <<PROPERTIES
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:$2
listeners=PLAINTEXT://127.0.0.1:$1,CONTROLLER://127.0.0.1:$2
advertised.listeners=PLAINTEXT://127.0.0.1:$1
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT
inter.broker.listener.name=PLAINTEXT
controller.listener.names=CONTROLLER
log.dirs=$3/log
auto.create.topics.enable=false
# One node, and few partitions of Kafka's own.
offsets.topic.num.partitions=1
offsets.topic.replication.factor=1
transaction.state.log.num.partitions=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
share.coordinator.state.topic.num.partitions=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
num.network.threads=1
num.io.threads=2
background.threads=2
log.cleaner.threads=1
log.cleaner.dedupe.buffer.size=4194304
PROPERTIES
}

format() {
    folder=$1
    mkdir -p "$folder"
    folder=$(cd "$folder" && pwd)
    if [ ! -e "$folder/server.properties" ]; then
        [ $# -eq 3 ] || fail "$folder has no server.properties; name two free ports: kafka.sh run FOLDER PORT CONTROLLER"
        properties "$2" "$3" "$folder" >"$folder/server.properties"
    fi
    [ ! -e "$folder/log/meta.properties" ] || return 0
    lines=$(printf '\n_')
    words=$IFS IFS=${lines%_}
    # shellcheck disable=SC2086 # a word for each line
    set -- ${KAFKA_FORMAT:-}
    IFS=$words
    # shellcheck disable=SC2046 # words of their own
    said=$($(java_of) -cp "$home/*" -Dorg.slf4j.simpleLogger.defaultLogLevel=error kafka.tools.StorageTool format \
        --cluster-id "$cluster" --config "$folder/server.properties" "$@" 2>&1) ||
        fail "the storage of Kafka cannot be prepared in $folder: $said"
}

case ${1:-} in
    fetch) fetch ;;
    format)
        shift
        fetch
        format "$@"
        ;;
    run)
        shift
        fetch
        format "$@"
        # shellcheck disable=SC2046 # words of their own
        exec $(java_of) -cp "$home/*" -Dorg.slf4j.simpleLogger.defaultLogLevel="${KAFKA_LOG_LEVEL:-error}" \
            kafka.Kafka "$(cd "$1" && pwd)/server.properties"
        ;;
    *) fail "usage: kafka.sh fetch | format FOLDER PORT CONTROLLER | run FOLDER [PORT CONTROLLER]" ;;
esac
