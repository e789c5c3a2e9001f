# The ceremonies of docs/reference-keys.md with the master key somewhere else
# than in a file: a token (SoftHSM by pkcs11-tool, as an object and as the key
# that opens a sealed file), a systemd credential (systemd-creds), and a secret
# store (a program that behaves like vault's). Each is run for real where it is
# installed: start, restart, change of the master key, and what happens when
# the source gives nothing. Key bytes and PINs are in no log.

use strict;
use warnings;

use File::Temp ();
use MIME::Base64;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $keys = File::Temp::tempdir(CLEANUP => 1);
my @master = map { my $n = $_; unpack('H*', join('', map { chr(($_ * $n + 7 * $n) % 256) } 1 .. 32)) } (37, 73, 101, 131, 151);
my $pin = '73519042';
my $no_key = 'F0000 the master key command gave no key when the server started';

sub write_file
{
	my ($path, $contents, $mode) = @_;
	unlink $path;
	open(my $fh, '>:raw', $path) or die "$path: $!";
	print $fh $contents;
	close($fh) or die "$path: $!";
	chmod($mode || 0600, $path) or die "$path: $!";
	return;
}

sub failure
{
	my ($node, $sql) = @_;
	my ($status, $stdout, $stderr) = $node->psql('postgres', "\\set VERBOSITY verbose\n$sql");
	return $stderr =~ /ERROR:\s+(\w{5}): ([^\n]*)/ ? "$1 $2" : "no error: $stdout";
}

# Run a program that must succeed, its standard input from a string.
sub run_program
{
	my ($input, @command) = @_;
	my ($output, $errors) = ('', '');
	IPC::Run::run(\@command, '<', \$input, '>', \$output, '2>', \$errors)
	  or die "@command: $errors";
	return $output;
}

sub program
{
	my ($name) = @_;
	foreach my $directory (split(/:/, $ENV{PATH}), '/usr/bin', '/bin')
	{
		return "$directory/$name" if -x "$directory/$name";
	}
	return undef;
}

my $node = PostgreSQL::Test::Cluster->new('main');
$node->init;
$node->append_conf('postgresql.conf', "shared_preload_libraries = 'caredata'\nlog_statement = all\nlog_min_messages = debug5");

sub start_with
{
	my ($settings) = @_;
	$node->stop if $node->is_alive;
	$node->append_conf('postgresql.conf', "caredata.master_key_file = ''\ncaredata.master_key_file_next = ''\n$settings");
	$node->start;
	return;
}

# PostgreSQL::Test::Cluster of 15 cannot tell whether a node runs
sub PostgreSQL::Test::Cluster::is_alive
{
	my ($self) = @_;
	return defined $self->{_pid};
}

sub command_of
{
	return "caredata.master_key_command = '[" . join(', ', map { "\"$_\"" } @_) . "]'";
}

write_file("$keys/first", $master[0]);
start_with("caredata.master_key_file = '$keys/first'");
$node->safe_psql('postgres', q{CREATE EXTENSION caredata; SELECT caredata.create_domain('one')});
my $digest = q{SELECT md5(string_agg(caredata.pid(n, '1')::text, ',' ORDER BY n)) FROM generate_series(1, 100) n};
my $now = $node->safe_psql('postgres', $digest);
unlink "$keys/first";

# The source gives the key, after a restart too.
sub works
{
	my ($what, $settings) = @_;
	start_with($settings);
	is($node->safe_psql('postgres', $digest), $now, "$what: the same pseudonyms");
	is( $node->safe_psql('postgres', q{SELECT source, usable FROM caredata.key_status() WHERE kind = 'master'}),
		'command, when the server started|t', "$what: key_status() says so");
	$node->stop('immediate');
	$node->start;
	is($node->safe_psql('postgres', $digest), $now, "$what: after a crash");
	return;
}

# It gives none: the server starts, and what needs a key says so.
sub gives_nothing
{
	my ($what, $settings, $log) = @_;
	my $start = -s $node->logfile;
	start_with($settings);
	is(failure($node, $digest), $no_key, "$what: no key");
	like(slurp_file($node->logfile, $start), $log, "$what: the server log says why");
	return;
}

# The ceremony of a change: the next key in a file of memory for as long as it
# takes, then the source has the new one.
sub rotate_to
{
	my ($what, $new, $put_into_source, $settings) = @_;
	write_file("$keys/next", $new);
	$node->append_conf('postgresql.conf', "caredata.master_key_file_next = '$keys/next'");
	$node->reload;
	$node->poll_query_until('postgres', "SELECT current_setting('caredata.master_key_file_next') = '$keys/next'") or die 'reload';
	is($node->safe_psql('postgres', q{SELECT caredata.rotate_master_key('drill')}), 1, "$what: the key is encrypted anew");
	$put_into_source->();
	unlink "$keys/next";
	start_with($settings);
	is($node->safe_psql('postgres', $digest), $now, "$what: the same pseudonyms with the new master key");
	return;
}

# ---------------------------------------------------------------------------
# A secret store: a program that asks for what vault asks for, and prints what
# vault prints
# ---------------------------------------------------------------------------

write_file("$keys/vault", <<'SH', 0700);
#!/bin/sh
# kv get -field=key PATH: the value, without a line end.  write -field=plaintext
# transit/decrypt/NAME ciphertext=...: base64.
if [ "$VAULT_ADDR" != https://vault.example:8200 ]; then
	echo 'Get "http://127.0.0.1:8200/v1/sys/internal/ui/mounts": connection refused' >&2
	exit 2
fi
if [ "$(cat "$HOME/.vault-token" 2>/dev/null)" != hvs.a-token ]; then
	echo 'Error making API request. Code: 403. Errors: * permission denied' >&2
	exit 2
fi
case "$1 $2 $3" in
	"kv get -field=key") printf %s "$(cat "$STORE")" ;;
	"kv get -format=json") printf '{"data": {"data": {"key": "%s"}}}\n' "$(cat "$STORE")" ;;
	"write -field=plaintext transit/decrypt/caredata")
		[ "$4" = "ciphertext=vault:v1:sealed" ] && cat "$STORE" | base64 -w 0 ;;
	*) echo "unknown: $*" >&2; exit 127 ;;
esac
SH
mkdir "$keys/home" or die;
write_file("$keys/home/.vault-token", 'hvs.a-token');
write_file("$keys/store", $master[0]);
{
	local $ENV{HOME} = "$keys/home";
	local $ENV{VAULT_ADDR} = 'https://vault.example:8200';
	local $ENV{STORE} = "$keys/store";
	my @get = ("$keys/vault", 'kv', 'get', '-field=key', 'secret/caredata');

	works('vault kv get', command_of(@get));
	rotate_to('vault kv get', $master[1], sub { write_file("$keys/store", $master[1]) }, command_of(@get));
	gives_nothing('vault in another format', command_of("$keys/vault", 'kv', 'get', '-format=json', 'secret/caredata'),
		qr/the master key command did not print a master key/);
	write_file("$keys/home/.vault-token", 'another');
	gives_nothing('vault without permission', command_of(@get), qr/the master key command ended with exit status 2/);
	write_file("$keys/home/.vault-token", 'hvs.a-token');
	delete local $ENV{VAULT_ADDR};
	gives_nothing('vault that is not there', command_of(@get), qr/the master key command ended with exit status 2/);
	$ENV{VAULT_ADDR} = 'https://vault.example:8200';

	# a key management service that opens a sealed blob, in base64
	write_file("$keys/sealed", 'vault:v1:sealed');
	write_file("$keys/fetch-key", <<"SH", 0700);
#!/bin/sh
set -e
plain=\$("$keys/vault" write -field=plaintext transit/decrypt/caredata ciphertext="\$(cat "$keys/sealed")")
printf %s "\$plain" | base64 -d
SH
	works('vault transit', command_of("$keys/fetch-key"));
	unlink "$keys/sealed";
	gives_nothing('a sealed file that is missing', command_of("$keys/fetch-key"), qr/the master key command ended with exit status/);
}

# ---------------------------------------------------------------------------
# A systemd credential
# ---------------------------------------------------------------------------

SKIP:
{
	my $creds = program('systemd-creds');
	skip 'no systemd-creds', 8 unless defined $creds;
	mkdir "$keys/credentials", 0700 or die;
	write_file("$keys/credentials/caredata.key", "$master[1]\n", 0400);
	local $ENV{CREDENTIALS_DIRECTORY} = "$keys/credentials";

	works('systemd-creds', command_of($creds, 'cat', 'caredata.key'));
	rotate_to('systemd-creds', $master[2], sub { write_file("$keys/credentials/caredata.key", $master[2], 0400) },
		command_of($creds, 'cat', 'caredata.key'));
	gives_nothing('a credential that the unit does not have', command_of($creds, 'cat', 'other.key'),
		qr/the master key command ended with exit status 1/);
	# or as a file, where it is the server user's own
	start_with("caredata.master_key_command = ''\ncaredata.master_key_file = '$keys/credentials/caredata.key'");
	is($node->safe_psql('postgres', $digest), $now, 'systemd credential: read as a file');
}
my $in_use = -e "$keys/credentials" ? $master[2] : $master[1];

# ---------------------------------------------------------------------------
# A token
# ---------------------------------------------------------------------------

SKIP:
{
	my $util = program('softhsm2-util');
	my $tool = program('pkcs11-tool');
	my ($module) = grep { -e } glob('/usr/lib/softhsm/libsofthsm2.so /usr/lib/*/softhsm/libsofthsm2.so /usr/lib64/pkcs11/libsofthsm2.so');
	skip 'no softhsm2-util, pkcs11-tool or libsofthsm2', 15 unless defined $util && defined $tool && defined $module;

	mkdir "$keys/tokens", 0700 or die;
	write_file("$keys/softhsm2.conf", "directories.tokendir = $keys/tokens\nobjectstore.backend = file\nlog.level = ERROR\n");
	write_file("$keys/pin", $pin);
	local $ENV{SOFTHSM2_CONF} = "$keys/softhsm2.conf";
	run_program('', $util, '--init-token', '--free', '--label', 'caredata', '--pin', $pin, '--so-pin', '98765432');
	my @token = ($tool, '--module', $module, '--token-label', 'caredata');
	my @login = (@token, '--login', '--pin', 'env:PIN');

	# the key as an object of the token
	my $import = sub {
		my ($hex) = @_;
		# never in the server's environment, which it logs at debug3
		local $ENV{PIN} = $pin;
		write_file("$keys/import", $hex);
		eval { run_program('', @login, '--delete-object', '--type', 'data', '--label', 'caredata master key') };
		run_program('', @login, '--write-object', "$keys/import", '--type', 'data', '--label', 'caredata master key', '--private');
		unlink "$keys/import";
	};
	$import->($in_use);
	write_file("$keys/read-token", <<"SH", 0700);
#!/bin/sh
PIN=\$(cat "$keys/pin") exec "$tool" --module "$module" --token-label caredata --login --pin env:PIN \\
	--read-object --type data --label "caredata master key"
SH
	works('a token\'s object', command_of("$keys/read-token"));
	rotate_to('a token\'s object', $master[3], sub { $import->($master[3]) }, command_of("$keys/read-token"));
	write_file("$keys/pin", '00000000');
	gives_nothing('a token with the wrong PIN', command_of("$keys/read-token"),
		qr/the master key command (?:ended with exit status|did not print a master key)/);
	write_file("$keys/pin", $pin);

	# the key in a file that only the token's private key opens
	{
		local $ENV{PIN} = $pin;
		run_program('', @login, '--keypairgen', '--key-type', 'rsa:2048', '--id', '01', '--label', 'caredata wrap', '--usage-decrypt');
	}
	run_program('', @token, '--read-object', '--type', 'pubkey', '--id', '01', '-o', "$keys/wrap.der");
	my $seal = sub {
		my ($hex) = @_;
		run_program($hex, 'openssl', 'pkeyutl', '-encrypt', '-pubin', '-keyform', 'DER', '-inkey', "$keys/wrap.der",
			'-pkeyopt', 'rsa_padding_mode:oaep', '-out', "$keys/master.sealed");
	};
	$seal->($master[3]);
	isnt(index(slurp_file("$keys/master.sealed"), $master[3]), 0, 'the file is sealed');
	write_file("$keys/open-sealed", <<"SH", 0700);
#!/bin/sh
PIN=\$(cat "$keys/pin") exec "$tool" --module "$module" --token-label caredata --login --pin env:PIN \\
	--decrypt --id 01 --mechanism RSA-PKCS-OAEP --hash-algorithm SHA-1 --mgf MGF1-SHA1 --input-file "$keys/master.sealed"
SH
	works('a file that a token opens', command_of("$keys/open-sealed"));
	rotate_to('a file that a token opens', $master[4], sub { $seal->($master[4]) }, command_of("$keys/open-sealed"));
	rename "$keys/tokens", "$keys/tokens.away";
	gives_nothing('a token that was pulled out', command_of("$keys/open-sealed"), qr/the master key command ended with exit status/);
}
$node->stop;

# ---------------------------------------------------------------------------
# Nothing of it in the log
# ---------------------------------------------------------------------------

my $log = slurp_file($node->logfile);
my @found;
foreach my $secret (@master)
{
	my $raw = pack('H*', $secret);
	push @found, grep { index($log, $_) >= 0 } ($secret, uc $secret, $raw, substr(encode_base64($raw, ''), 0, 40), substr(encode_base64($secret, ''), 0, 40));
}
push @found, 'the PIN' if index($log, $pin) >= 0;
push @found, 'the token of the store' if index($log, 'hvs.a-token') >= 0;
is("@found", '', 'no key, PIN or token in the server log');
cmp_ok(length($log), '>', 100_000, 'which was written at debug5');

done_testing();
