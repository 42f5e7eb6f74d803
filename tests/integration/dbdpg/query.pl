# DBD::Pg: libpq in an XS module that Perl opens with RTLD_LOCAL; textbook RTLD_NEXT interposers crash it.
use strict;
use warnings;
use DBI;

my $connection = DBI->connect("dbi:Pg:dbname=$ENV{PGDATABASE}", $ENV{PGUSER}, "", {PrintError => 0, RaiseError => 1});
my ($sum) = $connection->selectrow_array("SELECT 2 + 3");
print "$sum\n";
my $statement = $connection->prepare("SELECT ?::int * 2");
for my $n (1 .. 2) {
    $statement->execute($n);
    print $statement->fetchrow_array(), "\n";
}
$statement->finish;
eval { $connection->do("SELECT nonsense FROM nowhere") };
print $connection->state, "\n";
$connection->disconnect;
