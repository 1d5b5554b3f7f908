#!/bin/sh
# deploy/release/sbom.sh TOOLS LOCKED WHEEL OUT: a bill of materials (CycloneDX, JSON) of a wheel and of what is
# installed with it, LOCKED: names, versions and hashes. The same input makes the same bytes.
set -eu
tools=$1
locked=$2
wheel=$3
out=$4
"$tools/bin/cyclonedx-py" requirements "$locked" --output-format JSON --output-reproducible --mc-type application \
    --output-file "$out" 2>/dev/null
"$tools/bin/python" - "$wheel" "$out" <<'PYTHON'
import hashlib
import json
import sys
from pathlib import Path

from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

wheel, out = Path(sys.argv[1]), Path(sys.argv[2])
name, version = wheel.name.split("-")[:2]
bill = json.loads(out.read_text(encoding="utf-8"))
purl = f"pkg:pypi/{name}@{version}"
bill["metadata"]["component"] = {
    "bom-ref": purl,
    "type": "application",
    "name": name,
    "version": version,
    "purl": purl,
    "licenses": [{"license": {"id": "MIT"}}],
    "hashes": [{"alg": "SHA-256", "content": hashlib.sha256(wheel.read_bytes()).hexdigest()}],
}
parts = sorted(component["bom-ref"] for component in bill["components"])
bill["dependencies"] = [{"ref": purl, "dependsOn": parts}, *({"ref": part} for part in parts)]
text = json.dumps(bill, indent=2, sort_keys=True) + "\n"
problem = JsonStrictValidator(SchemaVersion.from_version(bill["specVersion"])).validate_str(text)
if problem:
    sys.exit(f"the bill of materials is not valid: {problem}")
out.write_text(text, encoding="utf-8")
PYTHON
