"""A real vLLM server of a tiny model, a stand-in that fails as told, and rows to write."""

import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from spd.rows import DATA_SOURCE, OUTCOMES, SCHEMA
from spd.served_model import ServedModel
from transformers import AutoTokenizer

from testing.tiny_model import save_tiny_model, save_tokenizer

MAX_MODEL_LEN = 128
ENGINE_OPTIONS = ("--enforce-eager", "--dtype", "float32", "--max-num-seqs", "32")
# Parts of vLLM are compiled even where eager mode is asked for, with a C++ compiler.
ENVIRONMENT = {"VLLM_CPU_KVCACHE_SPACE": "1", "TORCH_COMPILE_DISABLE": "1"}


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory):
    """The folder of a model with random weights and its tokenizer, a character a token."""
    folder = save_tiny_model(tmp_path_factory.mktemp("tiny"), MAX_MODEL_LEN)
    save_tokenizer(folder)
    return folder


@pytest.fixture(scope="session")
def tokenizer(tiny_model):
    return AutoTokenizer.from_pretrained(tiny_model)


@pytest.fixture(scope="session")
def endpoint(tiny_model, tmp_path_factory):
    """The tiny model's endpoint at a real vLLM server; the log lies beside."""
    log = tmp_path_factory.mktemp("engine") / "engine.log"
    with pytest.MonkeyPatch.context() as patch:
        for name, value in ENVIRONMENT.items():
            patch.setenv(name, value)
        model = ServedModel(str(tiny_model), options=ENGINE_OPTIONS)
        with model.endpoint(log) as endpoint:
            yield endpoint


class StandIn:
    """A server that gives the answers it is told to, and remembers what it was asked."""

    def __init__(self, answers):
        self.answers = answers
        self.asked = []
        self._lock = threading.Lock()

    def answer(self, body):
        """Return status and text for a request, in turn; the last answer is given for ever."""
        with self._lock:
            self.asked.append(body)
            return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


@contextmanager
def _serving(stand_in):
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            status, text = stand_in.answer(json.loads(body))
            self.send_response(status)
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture
def stand_in():
    """Return a context manager that serves answers, (status, text) each; yields URL and server."""

    @contextmanager
    def serve(*answers):
        server = StandIn(list(answers))
        with _serving(server) as url:
            yield url, server

    return serve


@pytest.fixture
def write_rows(tmp_path):
    """Return a function that writes rows, dictionaries with only what is unlike a good one."""

    def write(*rows, name="rows.parquet", schema=None, **options):
        made = [{**_good_row(index), **row} for index, row in enumerate(rows)]
        schema = schema or (SCHEMA.append(OUTCOMES) if "outcomes" in rows[0] else SCHEMA)
        pq.write_table(pa.Table.from_pylist(made, schema), tmp_path / name, **options)
        return tmp_path / name

    return write


def _good_row(index):
    """A context of two tokens, a draft of three, with one mismatch."""
    return {
        "data_source": DATA_SOURCE,
        "input_ids": [1, 2, 3, 4, 5],
        "draft_start_idx": 2,
        "target_ids": [3, 9, 5],
        "reward_model": {"style": "rule", "ground_truth": "7"},
        "checker": "math_verify",
        "baseline": "7",
        "baseline_right": True,
        "extra_info": {"index": index},
    }
