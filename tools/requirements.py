"""Print what this package requires, AutoGen and the local model's runtime left out."""

from __future__ import annotations

from importlib.metadata import requires

from packaging.requirements import Requirement

EXTRAS = ("", "offline", "dev")


def main() -> None:
    for line in requires("memgpt-autogen") or []:
        requirement = Requirement(line)
        marker = requirement.marker
        wanted = marker is None or any(marker.evaluate({"extra": extra}) for extra in EXTRAS)
        if wanted and requirement.name != "pyautogen":
            print(f"{requirement.name}{requirement.specifier}")


if __name__ == "__main__":
    main()
