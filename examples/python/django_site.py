"""Django: LOGGING names the handlers. A site in one file: `python django_site.py`."""

import logging

import django
from django.conf import settings
from django.http import HttpResponse
from django.test import Client
from django.urls import path

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "%(levelname)s %(name)s %(message)s"}},
    "handlers": {
        "file": {
            "class": "onewriter.handlers.RotatingFileHandler",
            "filename": "shop.log",
            "maxBytes": 100_000_000,
            "backupCount": 7,
            "formatter": "line",
        },
    },
    "root": {"level": "INFO", "handlers": ["file"]},
}

settings.configure(
    SECRET_KEY="of an example", ROOT_URLCONF=__name__, ALLOWED_HOSTS=["*"], LOGGING=LOGGING
)
log = logging.getLogger("shop")


def tea(request):
    log.info("tea for %s", request.GET["who"])
    return HttpResponse("tea")


def oven(request):
    raise RuntimeError("the oven is cold")


urlpatterns = [path("tea", tea), path("oven", oven)]
django.setup()

if __name__ == "__main__":
    client = Client(raise_request_exception=False)
    for page in ("/tea?who=Ann", "/nowhere", "/oven"):
        client.get(page)
