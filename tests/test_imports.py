import json
import subprocess
import sys

HEAVY = {"torch", "scipy", "numba", "streamlit", "pandas", "measure", "diffusers", "transformers"}


def modules_after(statement: str) -> set[str]:
    program = f"import json, sys\n{statement}\nprint(json.dumps(sorted(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    return {name.split(".")[0] for name in json.loads(done.stdout)}


def test_importing_fluxcost_loads_nothing_heavy():
    assert not modules_after("import fluxcost") & HEAVY


def test_pricing_and_planning_load_no_machine_learning():
    loaded = modules_after("import fluxcost as fc; fc.load_catalog(); fc.plan; fc.fit; fc.validate")
    assert not loaded & (HEAVY - {"scipy"})


def test_importing_fluxcost_is_quick():
    program = (
        "import time; t = time.process_time(); import fluxcost; print(time.process_time() - t)"
    )
    times = [
        float(subprocess.check_output([sys.executable, "-c", program], text=True)) for _ in range(3)
    ]
    assert min(times) <= 0.5
