"""What is said of jobs, in words."""

from __future__ import annotations

from datetime import datetime

from app.jobs import JobFacts, JobState


def facts_of(job: JobFacts) -> list[str]:
    """What else is said of a job than its name, line by line."""
    seeds = f"Seed {', '.join(map(str, job.seeds[:3]))}" if job.seeds else ""
    return [line for line in (detail_of(job), seeds, *job.models, f"{job.created:%Y-%m-%d %H:%M}") if line]


def detail_of(job: JobFacts) -> str:
    """What is said of a job below its name."""
    took = "" if job.seconds is None else duration(job.seconds)
    count = len(job.pictures)
    made = f"{count} picture{'s' if count > 1 else ''}" if count else ""
    match job.state:
        case JobState.PENDING:
            return job.message or "Waits"
        case JobState.CANCELLED:
            return f"Cancelled after {took}" if took else "Cancelled before it ran"
        case JobState.FAILED | JobState.PARTIAL:
            return job.message or "Failed"
        case _:
            return " · ".join(part for part in (took, made) if part)


def when(moment: datetime) -> str:
    """The time of today, or else the day."""
    return f"{moment:%H:%M}" if moment.date() == datetime.now().date() else f"{moment:%Y-%m-%d}"


def duration(seconds: float) -> str:
    """As people say it: `0.4 s`, `12 s`, `3:05`, `1:02:03`."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
