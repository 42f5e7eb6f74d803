#!/bin/sh
# Clones an empty repository, commits, pushes, clones again, fetches.
set -e
export GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=a@example.org GIT_AUTHOR_DATE='2020-01-01T00:00:00Z' GIT_TERMINAL_PROMPT=0
export GIT_COMMITTER_NAME=a GIT_COMMITTER_EMAIL=a@example.org GIT_COMMITTER_DATE='2020-01-01T00:00:00Z'
git -c init.defaultBranch=main clone "$WEB_URL/git/case.git" first
cd first
seq 20000 >numbers
git add numbers
git commit -q -m 'Numbers'
git push origin HEAD:main
cd ..
git clone -b main "$WEB_URL/git/case.git" second
git -C second fetch
git ls-remote "$WEB_URL/git/none.git" || echo "status $?"
