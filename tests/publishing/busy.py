"""Posts updates to an incident: `python -m tests.publishing.busy INCIDENT WORD NUMBER [LARGEST]`.

With LARGEST, this process can write at most so many bytes to a file, as on a full disk.
"""

import resource
import sys

import django

django.setup()

from incidents.models import Incident  # noqa: E402 - needs Django set up
from incidents.publishing.store.changes import publish_following  # noqa: E402
from incidents.text import Text  # noqa: E402
from tests.factories import make_update  # noqa: E402

key, word, number, *largest = sys.argv[1:]
if largest:
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(largest[0]), resource.RLIM_INFINITY))
for index in range(int(number)):
    make_update(Incident.objects.get(pk=key), text=Text(da=f"{word} {index}", en=f"{word} {index}"))
    publish_following()
