# A driver that speaks the protocol itself, and does what no psql does: values
# in binary, of odd types and lengths, handles of releases forged as
# parameters, portals read in pieces, statements prepared by the thousand,
# queries cancelled in the middle.

use strict;
use warnings;

use IO::Socket::UNIX;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $directory = PostgreSQL::Test::Utils::tempdir_short();
my $key_file = "$directory/master.key";
open(my $fh, '>', $key_file) or die "$key_file: $!";
print $fh join('', map { sprintf '%02x', ($_ * 29 + 7) % 256 } 0 .. 31);
close($fh) or die "$key_file: $!";
chmod(0600, $key_file) or die "$key_file: $!";

my $node = PostgreSQL::Test::Cluster->new('wire');
$node->init;
$node->append_conf('postgresql.conf', <<CONF);
shared_preload_libraries = 'caredata'
caredata.master_key_file = '$key_file'
jit = off
CONF
$node->start;
$node->safe_psql('postgres', 'CREATE DATABASE care');
$node->safe_psql('care', 'CREATE EXTENSION caredata; SELECT caredata.create_care_database();');
$node->safe_psql(
	'care', q{
	CREATE ROLE alice LOGIN;
	CREATE ROLE guardian LOGIN IN ROLE caredata_guardian;
	INSERT INTO care_identity.person SELECT i FROM generate_series(1, 200) i;
	INSERT INTO care_identity.identity (person_id, nhs_number, link_rank)
	SELECT row_number() OVER (ORDER BY n), n, 1
	FROM (SELECT caredata.try_nhs_number((9990000000 + g)::text) AS n FROM generate_series(1, 3000) g) v
	WHERE n IS NOT NULL LIMIT 200;
	INSERT INTO care.person (person_id, birth_year) SELECT i, 1900 + i % 100 FROM generate_series(1, 200) i;
	INSERT INTO care.apc_episode (person_id, fyear, epikey, procode3, admidate, epistart, diag_01)
	SELECT i, '2425', i, 'RZZ', DATE '2024-04-01' + i, DATE '2024-04-01' + i, 'S72' || i % 5 FROM generate_series(1, 200) i;
	SELECT caredata.create_agreement('W-1', 'Test', 'QZ1', 'One ICB', '2014-01-01', '2099-12-31');
	SELECT caredata.create_release(1, 'north', 'Here.', 'public_task', 'anonymised');
	SELECT caredata.permit_dataset(1, 'person', '{birth_year}');
	SELECT caredata.permit_dataset(1, 'apc_episode', '{admidate,diag_01}');
	SET SESSION AUTHORIZATION guardian;
	SELECT caredata.approve_release(1);
	RESET SESSION AUTHORIZATION;
	SELECT caredata.activate_release(1);
	GRANT north_reader TO alice;
	ANALYZE;
});

# ---------------------------------------------------------------------------
# The protocol, as far as it is needed.
# ---------------------------------------------------------------------------

my $path = $node->host . '/.s.PGSQL.' . $node->port;
my ($socket, $pid, $secret) = (IO::Socket::UNIX->new(Peer => $path) or die "$path: $!");

sub message { my ($type, $body) = @_; print $socket $type . pack('N', 4 + length $body) . $body; }

sub receive
{
	my ($wanted) = @_;
	my $data = '';
	while (length $data < $wanted)
	{
		sysread($socket, $data, $wanted - length $data, length $data) or die 'the connection is gone';
	}
	return $data;
}

# Values of the rows up to a message of a type, and SQLSTATEs.
sub answer
{
	my ($last) = @_;
	my @found;
	while (1)
	{
		my ($type, $length) = unpack('aN', receive(5));
		my $body = $length > 4 ? receive($length - 4) : '';
		($pid, $secret) = unpack('NN', $body) if $type eq 'K';
		push @found, $1 if $type eq 'E' && $body =~ /\0C(\w{5})\0/;
		if ($type eq 'D')
		{
			my ($columns, $rest) = unpack('na*', $body);
			while ($columns--)
			{
				my ($size, $tail) = unpack('Na*', $rest);
				push @found, $size == 0xFFFFFFFF ? undef : substr($tail, 0, $size);
				$rest = $size == 0xFFFFFFFF ? $tail : substr($tail, $size);
			}
		}
		last if $type eq $last;
	}
	return @found;
}

sub prepare { my ($name, $sql, @types) = @_; message('P', "$name\0$sql\0" . pack('nN*', scalar @types, @types)); }

sub bind_values
{
	my ($portal, $name, $binary, @values) = @_;
	message('B', "$portal\0$name\0" . pack('nnn', 1, $binary, scalar @values)
		  . join('', map { defined ? pack('N/a*', $_) : pack('N', 0xFFFFFFFF) } @values) . pack('nn', 1, 0));
}

sub execute { my ($portal, $rows) = @_; message('E', "$portal\0" . pack('N', $rows // 0)); }
sub finish { message('S', ''); $socket->flush; return answer('Z'); }

# What a statement gives for one parameter.
sub ask
{
	my ($sql, $type, $binary, @values) = @_;
	prepare('', $sql, $type ? $type : ());
	bind_values('', '', $binary, @values);
	execute('');
	return join(' ', map { $_ // 'NULL' } finish());
}

sub simple { my ($sql) = @_; message('Q', "$sql\0"); $socket->flush; return answer('Z'); }

my $startup = pack('N', 196608) . "user\0alice\0database\0care\0\0";
print $socket pack('N', 4 + length $startup) . $startup;
$socket->flush;
answer('Z');
my %oid = map { $_ => (simple("SELECT '$_'::regtype::oid::bigint"))[0] }
  ('caredata.pseudonym', 'caredata.release_ref', 'caredata.release_ref[]');

# ---------------------------------------------------------------------------
# 1. a handle is made by no parameter
# ---------------------------------------------------------------------------

my $handle = $oid{'caredata.release_ref'};
sub array { my ($type, $value) = @_; return pack('NNN', 1, 0, $type) . pack('NN', 1, 1) . pack('N/a*', $value); }
is(ask('SELECT caredata.pid(1, $1)', $handle, 0, '1'), '42501', 'as text');
is(ask('SELECT caredata.pid(1, $1)', $handle, 1, pack('N', 1)), '42501', 'in binary');
is(ask('SELECT caredata.pid(1, $1)', $handle, 1, undef), 'NULL', 'NULL gives NULL');
is(ask('SELECT caredata.pid(1, $1)', 23, 1, pack('N', 1)), '42883', 'an integer is none');
is(ask('SELECT caredata.pid(1, ($1)[1])', $oid{'caredata.release_ref[]'}, 1, array($handle, pack('N', 1))), '42501', 'in an array');
is(ask('SELECT caredata.pid(1, ($1)[1])', $oid{'caredata.release_ref[]'}, 1, array(23, pack('N', 1))),
	'42501', 'in an array that says it is one of integers');
is(ask('SELECT caredata.visible(1, $1, \'registry\')', $handle, 1, pack('N', 1)), '42501', 'nor for visible()');

# ---------------------------------------------------------------------------
# 2. values of any length and type: what is right, or an error
# ---------------------------------------------------------------------------

my ($text) = simple('SELECT pid FROM north.person ORDER BY birth_year LIMIT 1');
my $somebody = pack('H*', $text);
my $by_pid = 'SELECT count(*) FROM north.person WHERE pid = $1';
is(ask($by_pid, $oid{'caredata.pseudonym'}, 1, $somebody), '1', 'a pseudonym in binary');
is(ask($by_pid, $oid{'caredata.pseudonym'}, 1, $_), length == 16 ? '0' : length > 16 ? '22P03' : '08P01', length($_) . ' bytes')
  for '', "\0" x 15, "\xff" x 16, "\0" x 17;
is(ask($by_pid, 0, 0, $text), '1', 'of no type');
my $since = 'SELECT count(*) FROM north.apc_episode WHERE admidate >= $1';
is(ask($since, $_->[0], 0, $_->[1]), '91', "a date as type $_->[0]")
  for [ 0, '2024-07-20' ], [ 1082, '2024-07-20' ], [ 1114, '2024-07-19 00:00:01' ], [ 1184, '2024-07-20 00:00:00' ];
my $code = 'SELECT count(*) FROM north.apc_episode WHERE diag_01 = $1';
is(ask($code, $_, 0, 'S721'), '40', "a code as type $_") for 0, 25, 1043, 19;
is(ask($code, 1700, 0, '721'), '42883', 'not as a number');

# ---------------------------------------------------------------------------
# 3. a portal read in pieces goes on with what it saw; what is started later
# does not, whenever it was prepared
# ---------------------------------------------------------------------------

simple('BEGIN');
prepare('people', 'SELECT pid FROM north.person');
bind_values('pieces', 'people', 0);
execute('pieces', 50);
message('H', '');
$socket->flush;
is(scalar(answer('s')), 50, 'the first piece');
$node->safe_psql('care', q{SELECT caredata.record_objection((SELECT nhs_number::text FROM care_identity.identity WHERE person_id = 3), 'local')});
execute('pieces');
is(scalar(finish()), 150, 'the rest of it');
bind_values('', 'people', 0);
execute('');
is(scalar(finish()), 199, 'the same statement, bound anew in the same transaction');
simple('COMMIT');
prepare("kept$_", "SELECT birth_year FROM north.person WHERE birth_year <> $_ AND pid = \$1"), bind_values('', "kept$_", 1, $somebody), execute(''), finish()
  for 1 .. 500;
$node->safe_psql('care', 'SELECT caredata.suspend_release(1)');
for my $kept (1, 250, 500)
{
	bind_values('', "kept$kept", 1, $somebody);
	execute('');
	is(join(' ', finish()), '55000', "statement $kept of 500 after a suspension");
}
prepare('later', 'SELECT count(*) FROM north.person');
is(join(' ', finish()), '', 'one prepared while suspended');
$node->safe_psql('care', 'SELECT caredata.resume_release(1)');
bind_values('', 'later', 0);
execute('');
is(join(' ', finish()), '199', 'and run when resumed');

# ---------------------------------------------------------------------------
# 4. cancelled in the middle, the session is as it was
# ---------------------------------------------------------------------------

my @cancelled;
for my $round (1 .. 5)
{
	message('Q', "SELECT count(*) FROM north.person a, north.person b, north.person c, north.person d WHERE a.pid < b.pid AND c.pid < d.pid\0");
	$socket->flush;
	select(undef, undef, undef, 0.05 * $round);
	my $other = IO::Socket::UNIX->new(Peer => $path) or die "$path: $!";
	print $other pack('NNNN', 16, 80877102, $pid, $secret);
	close($other);
	push @cancelled, answer('Z');
	is(join(' ', simple('SELECT count(*) FROM north.person')), '199', "after a query was cancelled ($round)");
}
is("@cancelled", join(' ', ('57014') x 5), 'all were');

close($socket);
$node->stop;
done_testing();
