# Lists that linkage goes by travel in a dump, the shipped rows with the
# extension and a user's own with the dump; and digests are the same after it.

use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('lists');
$node->init;
$node->append_conf('postgresql.conf', "shared_preload_libraries = 'caredata'");
$node->start;
$node->safe_psql('postgres', 'CREATE DATABASE before');
$node->safe_psql('before', <<'SQL');
CREATE EXTENSION caredata;
INSERT INTO caredata.name_title VALUES ('SGT', 'before', 'the test');
INSERT INTO caredata.junk_name VALUES ('BED FOUR', 'given', 'the test');
INSERT INTO caredata.placeholder_birth_date VALUES ('1901-01-01', 'the test');
SELECT caredata.import_nicknames('robert,bob', 'the test');
SELECT caredata.add_match_key('mine', 'the test', '{"family_name soundex",date_of_birth}');
SELECT caredata.use_link_rank_set('hesid_guarded');
SQL
my $state = <<'SQL';
SELECT (SELECT md5(string_agg(t::text, ';' ORDER BY t::text)) FROM caredata.name_title t),
	(SELECT md5(string_agg(t::text, ';' ORDER BY t::text)) FROM caredata.junk_name t),
	(SELECT md5(string_agg(t::text, ';' ORDER BY t::text)) FROM caredata.placeholder_birth_date t),
	(SELECT md5(string_agg(t::text, ';' ORDER BY t::text)) FROM caredata.nickname t),
	(SELECT md5(string_agg(t::text, ';' ORDER BY t::text)) FROM caredata.match_key t),
	(SELECT md5(string_agg(t::text, ';' ORDER BY t::text)) FROM caredata.match_key_part t),
	(SELECT md5(string_agg(t::text, ';' ORDER BY t::text)) FROM caredata.link_rank t),
	(SELECT md5(string_agg(t::text, ';' ORDER BY t::text)) FROM caredata.disabled_link_rank t)
SQL
my $dump = PostgreSQL::Test::Utils::tempdir() . '/dump.sql';

command_ok([ 'pg_dump', '-f', $dump, $node->connstr('before') ], 'dump');
$node->safe_psql('postgres', 'CREATE DATABASE after');
command_ok([ 'psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-f', $dump, '-d', $node->connstr('after') ],
	'restore');
is($node->safe_psql('after', $state), $node->safe_psql('before', $state),
	'every list is the same, shipped rows once');
is( $node->safe_psql('after', <<'SQL'), 'PEPPER||4:S530;10:1950-03-04;|{BOB,ROBERT}', 'and is gone by');
SELECT caredata.standard_name('Sgt Pepper', 'family'), caredata.standard_name('Bed Four', 'given'),
	caredata.match_key_text('mine', family_name => 'Smith', date_of_birth => '1950-03-04')
	|| coalesce(caredata.match_key_text('mine', family_name => 'Smith', date_of_birth => '1901-01-01'), ''),
	caredata.given_name_variants('Bob')
SQL
unlike(slurp_file($dump), qr/BABY GIRL|ons_full/, 'shipped rows are not in the dump');

$node->stop;
done_testing();
