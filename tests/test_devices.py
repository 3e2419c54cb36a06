"""The device in words."""

from pinpoint.devices import device_in_words, processor


def test_one_thread_is_singular(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    assert processor() == "CPU, 1 thread"
    assert processor(4, "Sample 9000") == "Sample 9000, 4 threads"


def test_without_permission_a_gpu_is_not_named(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    assert device_in_words(gpu=False) == "CPU, 2 threads"
