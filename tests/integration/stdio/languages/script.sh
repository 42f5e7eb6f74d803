echo echo
printf '%s %s\n' to error >&2
for i in 1 2 3; do echo "$i"; done
ls -d /
echo private >/dev/null
text=$(echo captured)
echo "$text" | cat
( echo subshell )
exec sh -c 'echo dash; echo dash error >&2; exit 6'
