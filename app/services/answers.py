"""Asking: passages are found, a model answers from them if there is one, code checks every quote, the chat
is kept.
"""

from __future__ import annotations

import itertools
import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

from sqlalchemy import Connection

from app.chat import evidence as evidence_room
from app.chat import grading, history, prompt, rounds
from app.chat.evidence import Budget, Source
from app.chat.grading import Graded, PageWords
from app.chat.values import Answer, AnswerMode, Citation, Evidence, Reason, Timings
from app.core.errors import UserError
from app.core.ids import new_id
from app.library import documents as document_rows
from app.library import dossiers as dossier_rows
from app.library import pages as page_rows
from app.library.failures import PageMissing
from app.retrieval import ranking
from app.services import readings
from app.services.lanes import Lane
from app.services.model_choice import bring_model
from app.services.operation import Operation, Progress
from app.services.views import Changes
from app.services.workspace import Workspace
from engine.client import EngineCancelled, EngineError, Request
from engine.protocol import GenerateDone, ModelInfo

QUOTED_PASSAGES = 6  # of different pages: as many as a reader looks at first
FURTHER_PASSAGES = 3  # besides those that a reader cites
READY_WAIT_S = 60.0  # a large model takes its time to load; the person can stop waiting at any moment
HISTORY_EXCHANGES = 2
HISTORY_CHARACTERS = 1_200  # of an answer
HISTORY_QUESTION_CHARACTERS = 400
AGAIN_TEMPERATURE = 0.7


class QuestionEmpty(UserError):
    def __init__(self) -> None:
        super().__init__("question-empty", "Type a question first.")


class AnswerGone(UserError):
    def __init__(self) -> None:
        super().__init__("answer-gone", "This answer is not there any more.")


@dataclass(slots=True)
class _Reply:
    """What the engine gave: ``done`` is None when it gave nothing that can be used."""

    done: GenerateDone | None
    reason: Reason
    stopped: bool = False
    sure: bool = True  # False: a reader said it, and it is not likely enough to be right


def ask(
    ws: Workspace,
    dossier_id: str,
    question: str,
    *,
    chat_id: str | None = None,
    documents: Sequence[str] | None = None,
) -> Operation[Answer]:
    """Answer a question about a dossier, or about chosen documents of it; ``on_partial`` streams the words,
    and before them ``on_progress`` tells of the model being loaded and of the passages being read.

    Stopping is no error: the operation then ends with the answer so far. Raises QuestionEmpty; and
    DossierMissing, DocumentMissing, AnswerGone when what it rests on or belongs to was removed meanwhile.
    """
    scope = None if documents is None else tuple(documents)

    def work(op: Operation[Answer]) -> Answer:
        if not question.strip():
            raise QuestionEmpty
        return _Asking(ws, op, dossier_id, question, chat_id, scope, new_id(), 0.0).run()

    return ws.lanes.run(Lane.ASK, "ask", work)


def regenerate(ws: Workspace, message_id: str) -> Operation[Answer]:
    """Ask the same question over the same documents once more; the new answer takes the old one's place."""

    def work(op: Operation[Answer]) -> Answer:
        with ws.vault.read() as conn:
            kept = history.get_answer(conn, message_id)
        if kept is None:
            raise AnswerGone
        before, scope = kept
        return _Asking(
            ws, op, before.dossier_id, before.question, before.chat_id, scope, message_id, AGAIN_TEMPERATURE
        ).run()

    return ws.lanes.run(Lane.ASK, "regenerate", work)


class _Asking:
    """One question on its way to an answer."""

    def __init__(
        self,
        ws: Workspace,
        op: Operation[Answer],
        dossier_id: str,
        question: str,
        chat_id: str | None,
        scope: tuple[str, ...] | None,
        message_id: str,
        temperature: float,
    ) -> None:
        self._ws = ws
        self._op = op
        self._dossier_id = dossier_id
        self._question = question.strip()
        self._chat_id = chat_id
        self._scope = scope
        self._message_id = message_id
        self._temperature = temperature
        self._pages: dict[tuple[str, int], PageWords] = {}
        self._began_s = time.monotonic()
        self._search_s = 0.0
        self._first_word_s = 0.0
        self._evidence: tuple[Evidence, ...] = ()
        self._model = ""

    def run(self) -> Answer:
        past = self._past()
        sources = self._find(past)
        self._search_s = time.monotonic() - self._began_s
        if not sources:
            return self._finish(Graded("", (), False), AnswerMode.PASSAGES, Reason.NOTHING_FOUND, None)
        bring_model(self._ws, self._dossier_id)
        if self._ws.host.info is None and self._ws.host.has_model:
            self._op.report_only(Progress(0, None, "model"))
        info = self._ws.host.wait_until_ready(READY_WAIT_S, self._op.cancel_event)
        if info is None:
            reply = _Reply(None, Reason.ENGINE_DOWN if self._ws.host.has_model else Reason.NO_MODEL)
        else:
            self._model = info.label_en or info.name
            with self._ws.host.energy.answer():
                reply = self._generate(info, sources, past)
        if (self._op.cancelled or self._ws.closing) and reply.done is None:
            return self._finish(Graded("", (), False), AnswerMode.MODEL, Reason.STOPPED, None)
        if reply.done is None or info is None:
            return self._quote(sources, reply.reason, None)
        return self._judge(info, reply.done, sources, reply.sure)

    # -- finding --------------------------------------------------------------------------------------------

    def _find(self, past: tuple[tuple[str, str], ...]) -> list[Source]:
        """Passages for the question. Of one that leans on another, by turns those for both together and those
        for itself: whether "his" is of the person just spoken of or the one the dossier is about, words alone
        cannot tell.
        """
        asked = dict.fromkeys((prompt.looked_for(self._question, past), self._question))
        with self._ws.vault.read() as conn:
            names = {d.id: d.name for d in document_rows.list_documents(conn, self._dossier_id)}
            found = [
                ranking.rank(
                    conn,
                    self._dossier_id,
                    words,
                    documents=self._scope,
                    limit=evidence_room.ORDINARY_PASSAGES,
                )
                for words in asked
            ]
        turns = (p for row in itertools.zip_longest(*found) for p in row if p is not None)
        sources = dict.fromkeys(
            Source(p.document_id, names[p.document_id], p.page, p.start, p.end, p.text)
            for p in turns
            if p.document_id in names
        )
        return list(sources)[: evidence_room.ORDINARY_PASSAGES]

    def _page(self, document_id: str, number: int) -> PageWords:
        key = (document_id, number)
        if key not in self._pages:
            try:
                with self._ws.vault.read() as conn:
                    page = page_rows.get_page(conn, document_id, number)
                self._pages[key] = PageWords(page.text, page.words)
            except PageMissing:  # removed while the answer was on its way
                self._pages[key] = PageWords("", ())
        return self._pages[key]

    # -- asking the engine ----------------------------------------------------------------------------------

    def _generate(self, info: ModelInfo, sources: list[Source], past: tuple[tuple[str, str], ...]) -> _Reply:
        try:
            session = readings.session_for_answers(self._ws, self._dossier_id, info)
            if not info.reader:  # which only takes along what the question leans on
                past = tuple(exchange for exchange in past if exchange[1])[-HISTORY_EXCHANGES:]
            budget = evidence_room.plan_budget(
                reader=info.reader,
                window_tok=info.window_tok,
                evidence_tok=info.evidence_tok,
                prefill_tok_per_s=self._ws.host.prefill_tok_per_s,
            )
            return self._read(info, budget, sources, session, past)
        except EngineError:
            if self._ws.closing and self._op.partial.strip():
                return _Reply(_cut_short(self._op.partial), Reason.NONE, stopped=True)
            # Whatever became of the engine, the passages are there and the status bar says the rest.
            return _Reply(None, Reason.ENGINE_DOWN)

    def _read(
        self,
        info: ModelInfo,
        budget: Budget,
        sources: list[Source],
        session: str | None,
        past: tuple[tuple[str, str], ...],
    ) -> _Reply:
        """Show the best passages and hear the answer. A reader that is not sure of it is shown the next ones,
        as many rounds as there is time for; what it says there has to be surer.
        """
        replies: list[tuple[_Reply, tuple[Evidence, ...]]] = []
        looks: list[rounds.Round] = []
        left = sources
        while not replies or (info.reader and left and rounds.goes_on(looks)):
            began_s = time.monotonic()
            self._evidence = self._choose(info, budget, left, past)
            if self._op.cancelled:
                return _Reply(None, Reason.STOPPED, stopped=True)
            if not self._evidence:
                break
            # A reader's bare words are nothing before they are graded and traced to their page.
            reply = self._hear(info, budget, session, past, aloud=not info.reader)
            if reply.done is None or reply.stopped or not info.reader:
                return reply
            replies.append((reply, self._evidence))
            looks.append(self._look(reply.done, time.monotonic() - began_s))
            surest = rounds.settled(looks, info.confidence_floor)
            if surest is not None:
                reply, self._evidence = replies[surest]
                return reply
            left = left[len(self._evidence) :]
        if not replies:
            return _Reply(None, Reason.QUESTION_TOO_LONG)
        reply, self._evidence = replies[0]
        return replace(reply, sure=rounds.is_absent(looks, info.confidence_floor))

    def _look(self, done: GenerateDone, seconds: float) -> rounds.Round:
        graded = grading.grade_reader(done.text, self._evidence, self._page)
        stands = graded.readable and not graded.absent
        cited = {c.anchor for statement in graded.statements for c in statement.citations}
        return rounds.Round(done.confidence, stands, graded.absent, seconds, cited == {1})

    def _hear(
        self,
        info: ModelInfo,
        budget: Budget,
        session: str | None,
        past: tuple[tuple[str, str], ...],
        *,
        aloud: bool,
    ) -> _Reply:
        again = self._temperature if not info.reader else min(self._temperature, 0.3)
        request = self._ws.host.client.generate(
            prompt.build(self._question, self._evidence, reader=info.reader, history=past),
            from_session=session,
            max_tokens=budget.answer_tok,
            temperature=again,
            top_p=0.9 if again else 1.0,
            seed=secrets.randbits(32) if again else 0,
        )
        return self._follow(request, aloud=aloud)

    def _past(self) -> tuple[tuple[str, str], ...]:
        """The questions of this chat before this one, oldest first, each with what a model answered (nothing
        where passages were quoted), so that a question can refer to them.
        """
        if self._chat_id is None:
            return ()
        with self._ws.vault.read() as conn:
            answers = history.list_answers(conn, self._chat_id)
        before = itertools.takewhile(lambda answer: answer.message_id != self._message_id, answers)
        return tuple(
            (
                answer.question[:HISTORY_QUESTION_CHARACTERS],
                answer.text[:HISTORY_CHARACTERS] if answer.mode is AnswerMode.MODEL else "",
            )
            for answer in before
        )

    def _choose(
        self,
        info: ModelInfo,
        budget: Budget,
        sources: list[Source],
        past: tuple[tuple[str, str], ...],
    ) -> tuple[Evidence, ...]:
        client = self._ws.host.client

        def count_tok(items: Sequence[Evidence]) -> int:
            messages = prompt.build(self._question, items, reader=info.reader, history=past)
            return client.count_prompt(messages).result().counts[0]

        return evidence_room.choose(sources, budget, count_tok)

    def _follow(self, request: Request[GenerateDone], *, aloud: bool) -> _Reply:
        def hear(text: str) -> None:
            if text and not self._first_word_s:
                self._first_word_s = time.monotonic() - self._began_s
            if aloud:
                self._op.stream(text)

        request.on_delta(lambda delta: hear(delta.text))
        if aloud:
            request.on_progress(lambda read: self._op.report_only(Progress(read.done, read.total, "token")))
        self._op.when_cancelled(request.cancel)
        try:
            done = request.result()
        except EngineCancelled as stopped:
            partial = stopped.partial if isinstance(stopped.partial, GenerateDone) else None
            if partial is None or not partial.text.strip():
                return _Reply(None, Reason.STOPPED, stopped=True)
            return _Reply(partial, Reason.NONE, stopped=True)
        self._ws.host.learn(done)
        return _Reply(done, Reason.NONE)

    # -- judging --------------------------------------------------------------------------------------------

    def _judge(self, info: ModelInfo, done: GenerateDone, sources: list[Source], sure: bool) -> Answer:
        stopped = done.stop_reason == "stopped"
        grade = grading.grade_reader if info.reader else grading.grade_free
        graded = grade(done.text, self._evidence, self._page)
        if stopped and not graded.readable:
            said = "" if info.reader else done.text
            return self._finish(Graded(said, (), True), AnswerMode.MODEL, Reason.STOPPED, done)
        if not graded.readable:
            return self._quote(sources, Reason.UNREADABLE_ANSWER, done)
        if not stopped and not sure:
            return self._quote(sources, Reason.LOW_CONFIDENCE, done)
        closest: tuple[Evidence, ...] = ()
        if graded.absent:
            closest = self._evidence[:QUOTED_PASSAGES]
        elif info.reader:
            closest = self._others(graded, sources)
        nearest = tuple(grading.cite(item, self._page, checked=True) for item in closest)
        return self._finish(graded, AnswerMode.MODEL, Reason.NONE, done, nearest)

    def _others(self, graded: Graded, sources: list[Source]) -> tuple[Evidence, ...]:
        """The best passages besides those a reader cites: it quotes without judging, so the person sees what
        else may answer. Their anchors go on where the cited ones end: no number a person sees is missing.
        """
        cited = [citation for statement in graded.statements for citation in statement.citations]

        def is_cited(source: Source) -> bool:
            return any(
                (c.document_id, c.page) == (source.document_id, source.page)
                and source.start < c.end
                and c.start < source.end
                for c in cited
            )

        others = evidence_room.spread([s for s in sources if not is_cited(s)], FURTHER_PASSAGES)
        last = max((citation.anchor for citation in cited), default=0)
        return tuple(replace(e, anchor=e.anchor + last) for e in evidence_room.number(others))

    def _quote(self, sources: list[Source], reason: Reason, done: GenerateDone | None) -> Answer:
        """The answer without a model's words: the best passages as they stand."""
        self._evidence = evidence_room.number(evidence_room.spread(sources, QUOTED_PASSAGES))
        graded = grading.quote_passages(self._evidence, self._page)
        return self._finish(graded, AnswerMode.PASSAGES, reason, done)

    def _require_sources(self, conn: Connection) -> None:
        """What was removed while the answer was on its way must not live on in a chat."""
        dossier_rows.get_dossier(conn, self._dossier_id)
        for document_id in {item.document_id for item in self._evidence}:
            document_rows.get_document(conn, document_id)

    def _finish(
        self,
        graded: Graded,
        mode: AnswerMode,
        reason: Reason,
        done: GenerateDone | None,
        nearest: tuple[Citation, ...] = (),
    ) -> Answer:
        total_s = time.monotonic() - self._began_s
        with self._ws.vault.write() as conn:
            self._require_sources(conn)
            chat_id = self._chat_id
            if chat_id is None:
                chat_id = history.start_chat(conn, self._dossier_id, self._question)
            elif history.get_chat(conn, chat_id) is None:
                raise AnswerGone
            answer = Answer(
                message_id=self._message_id,
                chat_id=chat_id,
                dossier_id=self._dossier_id,
                question=self._question,
                text=graded.text,
                statements=graded.statements,
                mode=mode,
                reason=reason,
                model=self._model,
                confidence=0.0 if done is None else done.confidence,
                stopped=self._op.cancelled or self._ws.closing,
                evidence=self._evidence,
                timings=Timings(
                    search_s=self._search_s,
                    first_word_s=self._first_word_s or total_s,
                    total_s=total_s,
                    prompt_tok=0 if done is None else done.prompt_tok,
                    answer_tok=0 if done is None else done.generated_tok,
                    prefill_s=0.0 if done is None else done.prefill_s,
                    decode_s=0.0 if done is None else done.decode_s,
                ),
                nearest=nearest,
            )
            history.keep_answer(conn, answer, self._scope)
        self._ws.changed(Changes.CHATS, self._dossier_id, self._op)
        return answer


def _cut_short(text: str) -> GenerateDone:
    """What had come of an answer when the window was locked, which ends the engine under it."""
    return GenerateDone(
        text=text,
        prompt_tok=0,
        reused_tok=0,
        generated_tok=0,
        prefill_s=0.0,
        decode_s=0.0,
        stop_reason="stopped",
        confidence=0.0,
        lowest_probability=0.0,
    )
