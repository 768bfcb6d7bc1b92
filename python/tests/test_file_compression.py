"""Finished files as archives."""

from __future__ import annotations

import bz2
import gzip
import lzma
import os
import runpy
import sys
import tarfile
import zipfile

import pytest
from onewriter import _file_compression
from onewriter._file_compression import Compression, make_compression

TEXT = "a line\n" * 1000


def packed(directory, name):
    source = directory / "test.log"
    source.write_text(TEXT)
    compression = Compression(name)
    target = f"{source}{compression.extension}"
    compression(str(source), target)
    assert [path.name for path in directory.iterdir()] == [f"test.log.{name}"]
    return target


@pytest.mark.parametrize(
    ("name", "opened"),
    [("gz", gzip.open), ("bz2", bz2.open), ("xz", lzma.open), ("lzma", lzma.open)],
)
def test_a_file_is_packed_alone(tmp_path, name, opened):
    with opened(packed(tmp_path, name), "rt") as archive:
        assert archive.read() == TEXT


def test_a_gz_archive_knows_the_name_of_the_file(tmp_path):
    with open(packed(tmp_path, "gz"), "rb") as archive:
        assert archive.read()[10:19] == b"test.log\0"


@pytest.mark.parametrize("name", ["tar", "tar.gz", "tar.bz2", "tar.xz"])
def test_a_tar_archive_has_the_file_under_its_own_name(tmp_path, name):
    with tarfile.open(packed(tmp_path, name)) as archive:
        assert archive.getnames() == ["test.log"]
        assert archive.extractfile("test.log").read() == TEXT.encode()


def test_a_zip_archive_has_the_file_deflated_under_its_own_name(tmp_path):
    with zipfile.ZipFile(packed(tmp_path, "zip")) as archive:
        (entry,) = archive.infolist()
        assert (entry.filename, entry.compress_type) == ("test.log", zipfile.ZIP_DEFLATED)
        assert archive.read("test.log") == TEXT.encode()


@pytest.mark.parametrize(
    ("name", "module"),
    [
        ("gz", "gzip"),
        ("bz2", "bz2"),
        ("xz", "lzma"),
        ("lzma", "lzma"),
        ("tar", "tarfile"),
        ("tar.gz", "gzip"),
        ("tar.bz2", "bz2"),
        ("tar.xz", "lzma"),
        ("zip", "zlib"),
    ],
)
def test_a_format_that_the_interpreter_lacks_is_refused_at_once(monkeypatch, name, module):
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(ImportError, match=module):
        make_compression(name)


def test_without_any_format_the_module_is_still_of_use(monkeypatch):
    for module in ("gzip", "bz2", "lzma", "tarfile", "zipfile"):
        monkeypatch.setitem(sys.modules, module, None)
    lacking = runpy.run_path(_file_compression.__file__)
    assert lacking["make_compression"](packed) is packed


@pytest.mark.parametrize("failing", ["copyfileobj", "replace"])
def test_nothing_is_left_half_compressed(tmp_path, monkeypatch, failing):
    def fail(*args, **kwargs):
        raise OSError("No space left")

    owner = os if failing == "replace" else _file_compression.shutil
    monkeypatch.setattr(owner, failing, fail)
    source = tmp_path / "test.log"
    source.write_text(TEXT)
    with pytest.raises(OSError, match="^No space left$"):
        Compression("gz")(str(source), f"{source}.gz")
    monkeypatch.undo()
    assert [path.name for path in tmp_path.iterdir()] == ["test.log"]
    assert source.read_text() == TEXT


@pytest.mark.parametrize("text", ["gz", ".gz", " ..gz "])
def test_dots_and_spaces_around_a_format_do_not_matter(text):
    assert make_compression(text).extension == ".gz"


def test_a_function_is_taken_as_it_is():
    assert make_compression(packed) is packed
    assert make_compression(None) is None


@pytest.mark.parametrize("compression", [0, True, object(), {"zip"}])
def test_a_type_that_is_no_compression_is_named(compression):
    with pytest.raises(TypeError) as caught:
        make_compression(compression)
    name = type(compression).__name__
    assert str(caught.value) == f"Cannot infer compression for objects of type: '{name}'"


@pytest.mark.parametrize("name", ["rar", "7z", "tar.zip", "", "GZ", "tgz"])
def test_a_format_that_is_not_known_is_quoted(name):
    with pytest.raises(ValueError, match=f"^Invalid compression format: '{name}'$"):
        make_compression(name)
