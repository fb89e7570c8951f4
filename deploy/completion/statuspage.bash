# Completion of statuspage-manage and manage.py for bash, written by `make reference`.
# Copy it to /etc/bash_completion.d/, or read it with `.` in ~/.bashrc.
_statuspage() {
    local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]} key=${COMP_WORDS[1]} offered=
    if ((COMP_CWORD == 1)); then key=; fi
    case "$key" in incident|maintenance) if ((COMP_CWORD > 2)); then key+=" ${COMP_WORDS[2]}"; fi ;; esac
    case "$current" in =) previous==; current= ;; esac
    case "$key:$previous" in
        :*) offered="apply audit backup changepassword check check_mail collectstatic components createsuperuser deliveries doctor dump_config export_subscribers help import_subscribers incident load_sample log_in_link maintenance mcp messages migrate publish receive_bounce restore retention rqworker scheduler second_factor" ;;
        "apply:--by") ;;
        "apply:"*) offered="--check --yes --prune --by" ;;
        "audit:--noted"|"audit:--since") ;;
        "audit:"*) offered="--verify --export --noted --since" ;;
        "backup:--recipient"|"backup:--keep"|"backup:--identity") ;;
        "backup:"*) offered="--recipient --force --keep --verify --identity" ;;
        "check_mail:--selector"|"check_mail:--ip"|"check_mail:--name-server") ;;
        "check_mail:"*) offered="--selector --ip --name-server" ;;
        "components:"*) offered="--check --rebuild" ;;
        "deliveries:--incident"|"deliveries:--watch") ;;
        "deliveries:"*) offered="--incident --json --watch" ;;
        "doctor:--only") offered="settings secrets database migrations queue workers scheduler jobs store published mirror deliveries bounces sender page certificate clock disk backup second_factor accounts" ;;
        "doctor:--skip") offered="settings secrets database migrations queue workers scheduler jobs store published mirror deliveries bounces sender page certificate clock disk backup second_factor accounts" ;;
        "doctor:"*) offered="--only --skip --strict --json --list" ;;
        "dump_config:"*) offered="" ;;
        "export_subscribers:--by") ;;
        "export_subscribers:"*) offered="--by" ;;
        "import_subscribers:--unknown-components") offered="refuse all" ;;
        "import_subscribers:--by"|"import_subscribers:--consent"|"import_subscribers:--report"|"import_subscribers:--map") ;;
        "import_subscribers:"*) offered="--by --dry-run --consent --report --map --unknown-components" ;;
        "incident open:--phase") offered="investigating identified mitigated" ;;
        "incident open:--impact") offered="none minor major critical" ;;
        "incident open:=") offered="operational under_maintenance degraded_performance partial_outage major_outage" ;;
        "incident open:--title-da"|"incident open:--da"|"incident open:--title-en"|"incident open:--en"|"incident open:--file"|"incident open:--component"|"incident open:--next-update"|"incident open:--by") ;;
        "incident open:"*) offered="--title-da --da --title-en --en --file --component --phase --next-update --impact --notify --no-notify --draft --dry-run --by --json" ;;
        "incident update:--phase") offered="investigating identified mitigated resolved" ;;
        "incident update:=") offered="operational under_maintenance degraded_performance partial_outage major_outage" ;;
        "incident update:--da"|"incident update:--en"|"incident update:--file"|"incident update:--component"|"incident update:--next-update"|"incident update:--by") ;;
        "incident update:"*) offered="--da --en --file --component --phase --next-update --notify --no-notify --draft --dry-run --by --json" ;;
        "incident resolve:--da"|"incident resolve:--en"|"incident resolve:--file"|"incident resolve:--by") ;;
        "incident resolve:"*) offered="--da --en --file --notify --no-notify --draft --dry-run --by --json" ;;
        "incident undo:--by") ;;
        "incident undo:"*) offered="--discard --by" ;;
        "incident publish:--by") ;;
        "incident publish:"*) offered="--by --json" ;;
        "incident list:--limit") ;;
        "incident list:"*) offered="--all --limit --json" ;;
        "incident show:"*) offered="--json" ;;
        incident:*) offered="open update resolve undo publish list show" ;;
        "load_sample:"*) offered="" ;;
        "log_in_link:"*) offered="" ;;
        "maintenance schedule:--title-da"|"maintenance schedule:--da"|"maintenance schedule:--title-en"|"maintenance schedule:--en"|"maintenance schedule:--file"|"maintenance schedule:--from"|"maintenance schedule:--until"|"maintenance schedule:--component"|"maintenance schedule:--by") ;;
        "maintenance schedule:"*) offered="--title-da --da --title-en --en --file --from --until --component --auto-start --auto-complete --notify --no-notify --draft --dry-run --by --json" ;;
        "maintenance start:--da"|"maintenance start:--en"|"maintenance start:--file"|"maintenance start:--by") ;;
        "maintenance start:"*) offered="--da --en --file --notify --no-notify --dry-run --by --json" ;;
        "maintenance complete:--da"|"maintenance complete:--en"|"maintenance complete:--file"|"maintenance complete:--by") ;;
        "maintenance complete:"*) offered="--da --en --file --notify --no-notify --dry-run --by --json" ;;
        "maintenance cancel:--da"|"maintenance cancel:--en"|"maintenance cancel:--file"|"maintenance cancel:--by") ;;
        "maintenance cancel:"*) offered="--da --en --file --notify --no-notify --dry-run --by --json" ;;
        "maintenance update:--phase") offered="in_progress verifying" ;;
        "maintenance update:--da"|"maintenance update:--en"|"maintenance update:--file"|"maintenance update:--by") ;;
        "maintenance update:"*) offered="--da --en --file --phase --notify --no-notify --draft --dry-run --by --json" ;;
        "maintenance move:--from"|"maintenance move:--until"|"maintenance move:--da"|"maintenance move:--en"|"maintenance move:--file"|"maintenance move:--by") ;;
        "maintenance move:"*) offered="--from --until --da --en --file --notify --no-notify --dry-run --by --json" ;;
        "maintenance undo:--by") ;;
        "maintenance undo:"*) offered="--discard --by" ;;
        "maintenance publish:--by") ;;
        "maintenance publish:"*) offered="--by --json" ;;
        "maintenance list:--limit") ;;
        "maintenance list:"*) offered="--all --limit --json" ;;
        "maintenance show:"*) offered="--json" ;;
        maintenance:*) offered="schedule start complete cancel update move undo publish list show" ;;
        "mcp:"*) offered="" ;;
        "messages:"*) offered="--check" ;;
        "migrate:--database") offered="default" ;;
        "migrate:"*) offered="--noinput --no-input --database --fake --fake-initial --plan --run-syncdb --check --prune" ;;
        "publish:--to") ;;
        "publish:"*) offered="--all --check --to" ;;
        "receive_bounce:"*) offered="" ;;
        "restore:--identity") ;;
        "restore:"*) offered="--identity --replace --no-input" ;;
        "retention:"*) offered="" ;;
        "scheduler:"*) offered="" ;;
        "second_factor:--reset") ;;
        "second_factor:"*) offered="--reset" ;;
    esac
    mapfile -t COMPREPLY < <(compgen -W "$offered" -- "$current")
}
complete -o default -F _statuspage statuspage-manage manage.py ./manage.py
