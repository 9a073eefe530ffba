#!/bin/sh
# check-commits.sh [FOLDER]: checks the messages of commits, as CONTRIBUTING.md asks for them. A subject has at most 72
# characters, a body follows, and no commit is a fix-up of another one.
#
# It checks HEAD and every visible commit that was written since the rule exists. In a shallow clone it checks what is there.
# Without git, or outside a repository, it says so and passes: a tarball has no commits.
set -eu

# 2026-11-30T11:00:00Z. Older commits do not follow the rule.
SINCE_SECONDS=1796036400
SUBJECT_CHARACTERS_MAX=72
COMMITS_MAX=500

say() { printf 'commits: %s\n' "$1"; }

root=${1:-$(dirname "$0")/..}
command -v git >/dev/null || { say "git is not on this machine, so no message is checked"; exit 0; }
cd "$root"
if ! reason=$(git rev-parse --verify HEAD 2>&1 >/dev/null); then
    say "there is no commit to check ($(printf %s "$reason" | head -n 1))"
    exit 0
fi
# An unpacked tarball may lie inside another repository.
if [ "$(cd "$(git rev-parse --show-toplevel)" && pwd -P)" != "$(pwd -P)" ]; then
    say "the repository is another one's, so no message is checked"
    exit 0
fi

checked=0
complaints=0
complain() {
    complaints=$((complaints + 1))
    printf '%s "%s": %s\n' "$(git log -1 --format=%h "$1")" "$(git log -1 --format=%s "$1")" "$2" >&2
}

# A shallow clone hides the parents of its last commit, the object itself has them.
is_merge() { [ "$(git cat-file commit "$1" | sed '/^$/q' | grep -c '^parent ')" -gt 1 ]; }

check() {
    subject=$(git log -1 --format=%s "$1")
    characters=$(printf %s "$subject" | LC_ALL=C.UTF-8 wc -m)
    if [ "$characters" -gt "$SUBJECT_CHARACTERS_MAX" ]; then
        complain "$1" "the subject has $((characters)) characters, at most $SUBJECT_CHARACTERS_MAX are allowed"
    fi
    if printf %s "$subject" | grep -qiE '^(fixup|squash|amend)!|(^|[^[:alpha:]])wip([^[:alpha:]]|$)'; then
        complain "$1" "squash it into the commit that it belongs to"
    fi
    # Signatures such as Signed-off-by are no body.
    if ! git log -1 --format=%b "$1" | grep -vE '^[A-Za-z-]+-by: ' | grep -q '[^[:space:]]'; then
        complain "$1" "it has no body: say why, what was measured and what was left"
    fi
}

recent=$(git log --max-count="$COMMITS_MAX" --format='%at %H' HEAD |
    while read -r written commit; do [ "$written" -lt "$SINCE_SECONDS" ] || echo "$commit"; done)
head=$(git rev-parse HEAD)
for commit in $head $(echo "$recent" | grep -v "^$head\$" || true); do
    if is_merge "$commit"; then continue; fi
    checked=$((checked + 1))
    check "$commit"
done
say "$checked messages, $complaints complaints"
[ "$complaints" -eq 0 ]
