"""A job of the app in a process of its own."""

from jaxmem.apps.app.job import Job


def test_a_job_that_cannot_be_done_says_why_and_one_can_be_cancelled(tmp_path):
    (tmp_path / "fit.toml").write_text("device = 7\n")
    job = Job("fit", tmp_path)
    assert job.ended.wait(120) and "fit.toml: device = 7" in job.problem and not job.ok
    job = Job("fit", tmp_path)
    job.cancel()
    assert job.ended.wait(20) and job.problem == "It was cancelled."
    assert not (tmp_path / "fit").exists()
