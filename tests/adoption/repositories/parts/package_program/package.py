import sys
import zipfile
from pathlib import Path

source, target = Path(sys.argv[1]), Path(sys.argv[2])
target.parent.mkdir(exist_ok=True)
with zipfile.ZipFile(target, "w") as package:
    for path in sorted(source.rglob("*.py")):
        package.write(path, path.relative_to(source))
