"""Writes the files of deploy/ that follow from others: `make containers`.

- deploy/container/Caddyfile from deploy/Caddyfile
- deploy/kubernetes.yaml from compose.yaml

tests/deploy/test_containers.py fails if they are out of date.
"""

import argparse
import re
import sys
from pathlib import Path
from typing import Any

import yaml

from statuspage import __version__
from statuspage.local.paths import ROOT

CADDYFILE, KUBERNETES = Path(ROOT, "deploy/container/Caddyfile"), Path(ROOT, "deploy/kubernetes.yaml")
NAME = "statuspage"
SERVICES = ("web", "worker", "webhooks", "scheduler")
USER = 10001  # of the Dockerfile
PORT = 8000

_CADDY_HEAD = """\
# Caddy of compose.yaml. `make containers` writes it from deploy/Caddyfile, which has the reasons for each line.
# SITE_ADDRESS is `:80`, or a host name for which Caddy gets a certificate.

"""
_KUBERNETES_HEAD = """\
# The status page in Kubernetes. `make containers` writes it from compose.yaml; docs/containers.md says what to change:
# the image, the host name, the address of the ingress controller, and the secrets. PostgreSQL and Valkey are yours.
"""


def caddyfile() -> str:
    """Return the configuration for Caddy 2.7 or newer in a container."""
    source = Path(ROOT, "deploy/Caddyfile").read_text(encoding="utf-8")
    _comments, rest = re.split(r"(?m)^(?=\(without_keys\))", source)
    changes = {
        r"\s*# CHANGE[^\n]*\n\t\tbuffer_requests\n\t\tmax_buffer_size": "\n\t\trequest_buffers",
        r"output file \S+": "output stderr",
        r"https://status\.example\.com": "{$SITE_ADDRESS}",
        r"127\.0\.0\.1:8000": "web:8000",
        r" # CHANGE.*": "",
    }
    for pattern, replacement in changes.items():
        rest, times = re.subn(pattern, replacement, rest)
        if not times:
            raise ValueError(f"deploy/Caddyfile has no “{pattern}”.")
    return _CADDY_HEAD + rest


def kubernetes() -> str:
    """Return the manifest: settings, secrets, a volume, a deployment, a service and an ingress."""
    compose = yaml.safe_load(Path(ROOT, "compose.yaml").read_text(encoding="utf-8"))
    documents = [_settings(), _secrets(), _volume(), _deployment(compose["services"]), _service(), _ingress()]
    return _KUBERNETES_HEAD + yaml.safe_dump_all(documents, sort_keys=False, explicit_start=True, width=120)


def _settings() -> dict[str, Any]:
    settings = {
        "SITE_URL": "https://status.example.com",
        "TRUSTED_PROXIES": "10.0.0.0/8",
        "DEFAULT_FROM_EMAIL": "Status <status@example.com>",
    }
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": _metadata(), "data": settings}


def _secrets() -> dict[str, Any]:
    secrets = {
        "SECRET_KEY": "",
        "DATABASE_URL": "postgresql://statuspage:PASSWORD@postgres/statuspage",
        "REDIS_URL": "redis://:PASSWORD@valkey:6379/0",
        "EMAIL_URL": "smtp+tls://USER:PASSWORD@mail.example.com:587",
    }
    return {"apiVersion": "v1", "kind": "Secret", "metadata": _metadata(), "stringData": secrets}


def _volume() -> dict[str, Any]:
    spec = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "5Gi"}}}
    return {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": _metadata(), "spec": spec}


def _deployment(services: dict[str, dict[str, Any]]) -> dict[str, Any]:
    grace = max(int(services[name]["stop_grace_period"].removesuffix("s")) for name in SERVICES)
    pod = {
        # All containers share the pages, and so do an old and a new pod during an upgrade: one node.
        "affinity": {
            "podAffinity": {
                "requiredDuringSchedulingIgnoredDuringExecution": [
                    {"labelSelector": {"matchLabels": _labels()}, "topologyKey": "kubernetes.io/hostname"}
                ]
            }
        },
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": USER,
            "runAsGroup": USER,
            "fsGroup": USER,
            "fsGroupChangePolicy": "OnRootMismatch",
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "terminationGracePeriodSeconds": grace,
        "initContainers": [_container("prepare", services["prepare"])],
        "containers": [_container(name, services[name]) for name in SERVICES],
        "volumes": [
            {"name": "pages", "persistentVolumeClaim": {"claimName": NAME}},
            {"name": "tmp", "emptyDir": {}},
        ],
    }
    spec = {
        "replicas": 1,
        "selector": {"matchLabels": _labels()},
        # The new pod is ready before the old one ends.
        "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}},
        "template": {"metadata": {"labels": _labels()}, "spec": pod},
    }
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": _metadata(), "spec": spec}


def _container(name: str, service: dict[str, Any]) -> dict[str, Any]:
    container: dict[str, Any] = {"name": name, "image": f"registry.example.com/{NAME}:{__version__}"}
    if "command" in service:
        container["args"] = service["command"].split()
    if name == "web":
        container |= {"ports": [{"name": "http", "containerPort": PORT}], **_probes()}
    return container | {
        "envFrom": [{"configMapRef": {"name": NAME}}, {"secretRef": {"name": NAME}}],
        "resources": {"requests": {"cpu": "50m", "memory": "128Mi"}, "limits": {"memory": "1Gi"}},
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": list(service["cap_drop"])},
            "readOnlyRootFilesystem": service["read_only"],
        },
        "volumeMounts": [
            {"name": "pages", "mountPath": "/var/lib/statuspage"},
            {"name": "tmp", "mountPath": service["tmpfs"][0]},
        ],
    }


def _probes() -> dict[str, Any]:
    # Neither depends on PostgreSQL or Valkey: an outage of theirs must not take the page away.
    return {
        "startupProbe": {"httpGet": {"path": "/healthz", "port": "http"}, "periodSeconds": 2, "failureThreshold": 30},
        "livenessProbe": {"httpGet": {"path": "/healthz", "port": "http"}, "timeoutSeconds": 5},
        "readinessProbe": {"httpGet": {"path": "/readyz", "port": "http"}, "periodSeconds": 5},
    }


def _service() -> dict[str, Any]:
    spec = {"selector": _labels(), "ports": [{"name": "http", "port": 80, "targetPort": "http"}]}
    return {"apiVersion": "v1", "kind": "Service", "metadata": _metadata(), "spec": spec}


def _ingress() -> dict[str, Any]:
    backend = {"service": {"name": NAME, "port": {"name": "http"}}}
    rule = {
        "host": "status.example.com",
        "http": {"paths": [{"path": "/", "pathType": "Prefix", "backend": backend}]},
    }
    spec = {"tls": [{"hosts": ["status.example.com"], "secretName": f"{NAME}-tls"}], "rules": [rule]}
    return {"apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "metadata": _metadata(), "spec": spec}


def _metadata() -> dict[str, Any]:
    return {"name": NAME, "labels": _labels()}


def _labels() -> dict[str, str]:
    return {"app.kubernetes.io/name": NAME}


def main() -> int:
    parser = argparse.ArgumentParser(description="Write the files of deploy/ that follow from others.")
    parser.add_argument("--check", action="store_true", help="Write nothing; exit with 1 if a file is out of date.")
    check = parser.parse_args().check
    derived = {CADDYFILE: caddyfile(), KUBERNETES: kubernetes()}
    changed = [path for path, text in derived.items() if path.read_text(encoding="utf-8") != text]
    for path in changed:
        if check:
            print(f"{path.relative_to(ROOT)} is out of date: run `make containers`.", file=sys.stderr)
        else:
            path.write_text(derived[path], encoding="utf-8")
            print(f"Wrote {path.relative_to(ROOT)}.")
    return int(check and bool(changed))


if __name__ == "__main__":
    sys.exit(main())
