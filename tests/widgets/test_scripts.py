import subprocess
import sys


def test_the_scripts_belong_to_the_package():
    code = (
        "from importlib.resources import files; found = files('pcvae.widgets').iterdir(); "
        "print(*sorted(file.name for file in found if file.name.endswith('.js')))"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.split() == ["clouds.js", "figure.js", "page.js"]
