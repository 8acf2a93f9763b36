"""The table of URLs, and the application around it."""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from datetime import timedelta

from aiohttp import web
from prometheus_client import CollectorRegistry

from bot.rules.limits import FIELD_BYTES
from bot.web import assets, commitments, feeds, joining, legal, meetings, operating, preferences, sign_in, trial
from bot.web.middlewares import MIDDLEWARES, protect
from bot.web.settings import (
    CHANGE_PREFERENCES,
    CLOCK_MOVED,
    CLOCKS,
    LIMITS,
    READINESS,
    REGISTRY,
    SETTINGS,
    WAKE,
    ChangePreferences,
    Check,
    Clock,
    Clocks,
    Limits,
    WebSettings,
)

LINK_END = "{token:[A-Za-z0-9._-]{1,200}}"
NUMBER = r"\d{1,9}"

ROUTES = (
    web.get("/", sign_in.start),
    # the way in and out
    web.get("/anmelden", sign_in.ask),
    web.post("/anmelden", sign_in.send_link),
    web.get(f"/anmelden/{LINK_END}", sign_in.offer),
    web.post(f"/anmelden/{LINK_END}", sign_in.enter),
    web.post("/abmelden", sign_in.leave),
    web.post("/einladung", joining.redeem),
    web.get(f"/einladung/{LINK_END}", joining.offer),
    web.post(f"/einladung/{LINK_END}", joining.enter),
    # one's own things
    web.get("/einstellungen", preferences.show),
    web.post("/einstellungen", preferences.save),
    web.post(f"/einstellungen/geraete/{{session:{NUMBER}}}/abmelden", preferences.end_session),
    web.post("/einstellungen/geraete/andere/abmelden", preferences.end_other_sessions),
    web.get("/kalender", feeds.landing),
    web.post("/kalender/erneuern", feeds.renew),
    web.get("/kalender/{token:[A-Za-z0-9_-]{43}}.ics", feeds.feed, name="feed"),
    # meetings
    web.get(f"/sitzung/{{meeting:{NUMBER}}}", meetings.meeting),
    web.get(f"/sitzung/{{meeting:{NUMBER}}}/tagesordnung", meetings.show),
    web.get(f"/papier/{{document:{NUMBER}}}", meetings.paper),
    web.get(f"/antwort/{LINK_END}", meetings.invitation),
    web.post(f"/antwort/{LINK_END}", meetings.answer),
    # commitments
    web.get(f"/commitment/{LINK_END}", commitments.show),
    web.post(f"/commitment/{LINK_END}", commitments.answer),
    # what the law wants
    web.get("/impressum", legal.imprint),
    web.get("/datenschutz", legal.privacy),
    web.get("/barrierefreiheit", legal.accessibility),
    # for machines
    web.get("/healthz", operating.health, name="health"),
    web.get("/readyz", operating.ready),
    web.get("/metrics", operating.metrics),
    web.get("/robots.txt", operating.robots),
    web.get("/favicon.ico", assets.icon),
    web.get("/static/{version:[0-9a-f]{16}}/{name}", assets.static, name="static"),
)

TRIAL_ROUTES = (
    web.get(trial.ADDRESS, trial.show),
    web.post(f"{trial.ADDRESS}/person", trial.become),
    web.post(f"{trial.ADDRESS}/uhr", trial.move_clock),
)


def application(
    settings: WebSettings,
    *,
    change_preferences: ChangePreferences,
    domain_now: Clock,
    machine_now: Clock,
    wake: Callable[[], None],
    registry: CollectorRegistry,
    readiness: Mapping[str, Callable[[], Awaitable[Check]]],
    clock_moved: Callable[[timedelta], None],
    extra_routes: Iterable[web.AbstractRouteDef] = (),
) -> web.Application:
    """The HTTP door of a town.

    `wake` is called after each write, so that the post looks for new notices; `clock_moved` when the trial's clock was moved;
    `readiness` are the lines of `/readyz`. Handlers of `extra_routes` find the person who has signed in, or None, in
    `request["person"]`, and how to speak to them in `request["voice"]`.
    """
    application = web.Application(middlewares=MIDDLEWARES, client_max_size=FIELD_BYTES)
    application[SETTINGS] = settings
    application[CHANGE_PREFERENCES] = change_preferences
    application[CLOCKS] = Clocks(domain=domain_now, machine=machine_now)
    application[WAKE] = wake
    application[REGISTRY] = registry
    application[operating.REQUESTS] = operating.requests_in(registry)
    application[READINESS] = readiness
    application[CLOCK_MOVED] = clock_moved
    application[LIMITS] = Limits()
    application.on_response_prepare.append(protect)
    application.add_routes(ROUTES)
    if settings.trial:
        application.add_routes(TRIAL_ROUTES)
    application.add_routes(extra_routes)
    return application
