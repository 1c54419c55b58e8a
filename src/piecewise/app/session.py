"""What is open in the app: a project, its teacher, its answers and its news."""

from __future__ import annotations

from pathlib import Path

from .answers import Answers
from .fields import Values
from .import_run import ImportRun
from .jobs import Jobs
from .learn_state import LearnState
from .news import News
from .project import Project
from .project_files import OWN
from .teaching import Teacher
from .thorough import Thorough


class Session:
    """A project that is open in the app."""

    def __init__(self, project: Project, teacher: Teacher, news: News) -> None:
        self.project, self.teacher, self.news = project, teacher, news
        self.answers = Answers(project)
        self.thorough = Thorough(project, teacher.attempts, news.publish)
        self.jobs = Jobs(news.publish)
        self.learn = LearnState(project, teacher)
        self.importing = ImportRun(news.publish)

    @property
    def folder(self) -> Path:
        """Where temporary files may lie."""
        return self.project.root / OWN

    def state(self) -> Values:
        """What a page needs to know when it opens."""
        project, attempt = self.project, self.teacher.attempt
        return {
            "name": project.name,
            "kind": project.kind,
            "is_empty": project.fixed_kind is None,
            "classes": [one._asdict() for one in project.classes()],
            "settings": project.settings,
            "attempt": attempt and attempt.number,
            "teaching": self.teacher.state(),
            "thorough": self.thorough.state(),
            "jobs": self.jobs.states(),
            "importing": self.importing.state(),
            "unread": self.teacher.unread,
            "version": project.version,
            "changes": project.changes,
            "seq": self.news.seq,
        }

    def report(self, *, changed: bool = False) -> Values:
        """Publish the state of the project; ``changed``: what is taught is out of date, too."""
        state = self.state()
        self.news.publish({"type": "project", **state})
        if changed:
            self.teacher.changed()
        return state

    def close(self) -> None:
        """End all teaching, and let others open the project."""
        self.importing.stop()
        self.jobs.close()
        self.thorough.close()
        self.teacher.close()
        self.project.close()
