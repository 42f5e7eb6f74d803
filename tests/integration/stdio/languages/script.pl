print "print\n";
print STDERR "error\n";
warn "warning\n";
$| = 1;
syswrite(STDOUT, "syswrite\n");
exit 8;
