# A repository as plain files over HTTP: git-remote-http asks for several objects at once (multi, fdset).
rm -rf cloned
git clone -q "$1/repository.git" cloned && git -C cloned log --format=%s
status=$?
rm -rf cloned
exit $status
