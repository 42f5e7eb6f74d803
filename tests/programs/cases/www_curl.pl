# WWW::Curl: easy, and multi.
use strict;
use warnings;
use WWW::Curl::Easy;
use WWW::Curl::Multi;

sub easy {
    my ($path) = @_;
    my $curl = WWW::Curl::Easy->new;
    my $body = '';
    open my $file, '>', \$body;
    $curl->setopt(CURLOPT_URL, $ENV{WEB_URL} . $path);
    $curl->setopt(CURLOPT_WRITEDATA, $file);
    return ($curl, \$body, $file);
}

for my $path ('/small', '/status/404') {
    my ($curl, $body) = easy($path);
    print $curl->perform, ' ', $curl->getinfo(CURLINFO_HTTP_CODE), ' ', length $$body, "\n";
}
my $multi = WWW::Curl::Multi->new;
my %handles;
for my $path ('/small', '/large', '/status/503') {
    my ($curl, $body, $file) = easy($path);
    my $id = 1 + keys %handles;
    $curl->setopt(CURLOPT_PRIVATE, $id);
    $handles{$id} = [$curl, $body, $file, $path];
    $multi->add_handle($curl);
}
my %done;
while (keys %done < 3) {
    $multi->perform;
    while (my ($id, $result) = $multi->info_read) {
        last unless $id;
        $done{$id} = $result;
    }
    select undef, undef, undef, 0.005;
}
print "$handles{$_}[3] $done{$_} ", length ${ $handles{$_}[1] }, "\n" for sort keys %done;
