# Properties of pseudonyms over very many values: no two of a domain, of its
# kinds or of two domains are equal, each leads back, none says anything of the
# number behind it, and a flipped bit is refused. A million persons, or as many
# as CAREDATA_PROPERTY_IDS says: make properties takes ten million.

use strict;
use warnings;

use File::Temp ();
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $ids = $ENV{CAREDATA_PROPERTY_IDS} || 1_000_000;
my $keys = File::Temp::tempdir(CLEANUP => 1);

# keys of its own every time: what holds, holds for any
open(my $random, '<:raw', '/dev/urandom') or die;
read($random, my $master, 32) == 32 or die;
open(my $fh, '>', "$keys/master.key") or die;
print $fh unpack('H*', $master);
close $fh;
chmod 0600, "$keys/master.key";

my $node = PostgreSQL::Test::Cluster->new('main');
$node->init;
$node->append_conf('postgresql.conf', <<CONF);
shared_preload_libraries = 'caredata'
caredata.master_key_file = '$keys/master.key'
work_mem = '128MB'
fsync = off
CONF
$node->start;
$node->safe_psql(
	'postgres', q{
	CREATE EXTENSION caredata;
	SELECT caredata.create_domain('one'), caredata.create_domain('two');
	ALTER DATABASE postgres SET search_path = public, caredata});

sub is_true
{
	my ($name, $sql) = @_;
	is($node->safe_psql('postgres', $sql), 't', $name);
	return;
}

is_true("pid of $ids persons, there and back",
	"SELECT count(*) = $ids FROM generate_series(1, $ids) n WHERE person_of(pid(n, '1'), '1') = n");
# the values of both domains, of persons, records and numbers, in one heap: a
# value that came twice would be missing once
my $share = int($ids / 2);
is_true("pid is a bijection: $ids values of as many persons, another $share of another domain, of records and of numbers, all different",
	qq{SELECT count(*) = $ids + 3 * $share AND count(DISTINCT p) = $ids + 3 * $share FROM (
		SELECT pid(n, '1') AS p FROM generate_series(1, $ids) n
		UNION ALL SELECT pid(n, '2') FROM generate_series(1, $share) n
		UNION ALL SELECT record_pid(n::bigint, '1') FROM generate_series(1, $share) n
		UNION ALL SELECT pid_of(n::bigint, 'one') FROM generate_series(1, $share) n) all_of_them});
is_true('all of another domain are nobody, in either direction',
	qq{SELECT count(*) = 0 FROM generate_series(1, $share) n
		WHERE person_of(pid(n, '1'), '2') <> 0 OR person_of(pid(n, '2'), '1') <> 0
		   OR number_of(pid(n, '1'), 'one') IS NOT NULL OR person_of(record_pid(n::bigint, '1'), '1') <> 0});

# No fixed points of meaning: what is enciphered is never itself of the form of
# what goes in (version, kind, zeroes), and bits are as often set as not,
# wherever they stand and whatever the number.
is_true('none has the form of a number in the clear',
	qq{SELECT count(*) = 0 FROM generate_series(1, $share) n, uuid_send(pid(n, '1')::uuid) b
		WHERE substr(b, 3, 6) = '\\x000000000000' OR substr(b, 13, 4) = int4send(n) AND substr(b, 9, 4) = '\\x00000000'});
is_true('every bit is set in half of them, give or take six standard deviations',
	qq{SELECT bool_and(abs(set_bits - 0.5 * 100000) < 6 * sqrt(100000 * 0.25)) AND count(*) = 128 FROM (
		SELECT bit, sum(get_bit(uuid_send(pid(n, '1')::uuid), bit)) AS set_bits
		FROM generate_series(1, 100000) n, generate_series(0, 127) bit GROUP BY bit) bits});
is_true('numbers that follow each other have pseudonyms that differ in half of their bits',
	q{SELECT avg(bit_count(a # b)) BETWEEN 63.5 AND 64.5 AND min(bit_count(a # b)) > 25 FROM (
		SELECT ('x' || pid(n, '1')::text)::bit(128) AS a, ('x' || pid(n + 1, '1')::text)::bit(128) AS b FROM generate_series(1, 50000) n) pairs});

# every bit of a thousand pseudonyms, and three of each of many more
my $flipped = q{SELECT count(*) = 0 FROM generate_series(1, %d) n, generate_series(0, 127, %d) bit,
	LATERAL (SELECT uuid_send(pid(n, '1')::uuid) AS b, uuid_send(pid_of(n::bigint, 'one')::uuid) AS c OFFSET 0) p,
	LATERAL (SELECT encode(set_bit(b, (bit + n) % 128, 1 - get_bit(b, (bit + n) % 128)), 'hex')::pseudonym AS f,
					encode(set_bit(c, (bit + n) % 128, 1 - get_bit(c, (bit + n) % 128)), 'hex')::pseudonym AS g OFFSET 0) q
	WHERE person_of(f, '1') <> 0 OR person_of(g, '1') <> 0 OR number_of(f, 'one') IS NOT NULL OR number_of(g, 'one') IS NOT NULL};
is_true('a pseudonym with a flipped bit is refused, whichever it is', sprintf($flipped, 1000, 1));
is_true('and of very many', sprintf($flipped, int($ids / 50), 50));

# the other kinds, a tenth as many
my $fewer = int($ids / 10);
is_true("pseudonym_of, fpe_encrypt and nhs_like of $fewer values: each its own, in two domains",
	qq{SELECT count(DISTINCT a) = 2 * $fewer AND count(DISTINCT (d, e)) = 2 * $fewer FROM (
		SELECT pseudonym_of(domain, 'text', n::text) AS a, fpe_encrypt(lpad(n::text, 10, '0'), 10, '', domain) AS e, domain AS d
		FROM generate_series(1, $fewer) n, (VALUES ('one'::name), ('two')) v (domain)) v});
is_true('fpe_encrypt there and back',
	qq{SELECT count(*) = $fewer FROM generate_series(1, $fewer) n, LATERAL (SELECT lpad(n::text, 10, '0') AS v OFFSET 0) v
		WHERE fpe_decrypt(fpe_encrypt(v, 10, '', 'one'), 10, '', 'one') = v});
is_true('nhs_like there and back, never a valid number, each its own',
	qq{SELECT count(*) > $fewer * 0.8 AND count(*) = count(DISTINCT l) AND bool_and(nhs_number_of_like(l, 'one') = n) AND count(try_nhs_number(l)) = 0
		FROM (SELECT n, nhs_like(n, 'one') AS l FROM (SELECT try_nhs_number((9990000000 + g)::text) AS n FROM generate_series(1, 11 * $fewer) g LIMIT 9999999) v WHERE n IS NOT NULL) w})
  if $fewer <= 900_000;

# after a change of the key: all different again, and all of before resolved
$node->safe_psql('postgres', qq{CREATE TABLE before AS SELECT n, pid(n, '1') AS p FROM generate_series(1, $fewer) n; SELECT rotate_domain_key(1)});
is_true('a new generation shares no value with the one before, which resolves to the same persons',
	qq{SELECT count(*) = 0 FROM before WHERE p = pid(n, '1') OR person_of(p, '1') <> 0 OR current_pid(p, '1') <> pid(n, '1')});
is_true('in one heap', qq{SELECT count(DISTINCT p) = 2 * $fewer FROM (SELECT p FROM before UNION ALL SELECT pid(n, '1') FROM before) v});

$node->stop;
done_testing();
