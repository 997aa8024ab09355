#include "storage/profile/volume.hpp"

#include <boost/test/unit_test.hpp>

using namespace understudy;

namespace {

volume_rule rules() {
  auto loaded = load_profile(UNDERSTUDY_SOURCE_DIR "/config/profiles/carbonio.toml");
  BOOST_REQUIRE(loaded);
  return loaded->volumes;
}

} // namespace

BOOST_AUTO_TEST_CASE(a_volume_is_centralised_by_its_metadata_or_its_name) {
  auto marks = rules();
  BOOST_TEST(describe_volume(marks, 1, 1, "m", "/m", R"({"centralized": true, "x": 1})").is_centralised);
  BOOST_TEST(!describe_volume(marks, 1, 1, "m", "/m", R"({"centralized":false})").is_centralised);
  BOOST_TEST(!describe_volume(marks, 1, 1, "m", "/m", "").is_centralised);
  marks.centralised.names = {"nfs-*"};
  const auto shared = describe_volume(marks, 1, 1, "nfs-1", "/m", "");
  BOOST_TEST(shared.is_centralised);
  BOOST_TEST(shared.by_mailbox_id);
  BOOST_TEST(!describe_volume(marks, 10, 10, "index1", "/i", "").holds_blobs);
  BOOST_TEST(describe_volume(marks, 10, 10, "index1", "/i", "").holds_index);
}

BOOST_AUTO_TEST_CASE(r32_a_volume_in_an_object_store_has_no_directory_to_look_for) {
  auto marks = rules();
  BOOST_TEST(describe_volume(marks, 1, 1, "m", "/m", R"({"centralized":true})").in_directory);
  BOOST_TEST(
      !describe_volume(marks, 1, 1, "m", "/m", R"({"centralized":true,"bucketName":"b"})").in_directory);
  BOOST_TEST(!describe_volume(marks, 1, 1, "m", "/m", R"({"storeType": "S3"})").in_directory);
  marks.in_object_store.names = {"s3-*"};
  BOOST_TEST(!describe_volume(marks, 1, 1, "s3-1", "/m", "").in_directory);
}

BOOST_AUTO_TEST_CASE(volumes_are_mapped_by_name_and_path_and_what_is_missing_is_named) {
  const auto marks = rules();
  const std::string central = R"({"centralized":true})";
  const std::vector<mailstore_volume> there{describe_volume(marks, 1, 1, "message1", "/store", central),
                                            describe_volume(marks, 2, 2, "archive", "/archive", central),
                                            describe_volume(marks, 3, 1, "local", "/local", ""),
                                            describe_volume(marks, 4, 10, "index1", "/index", "")};
  const std::vector<mailstore_volume> here{describe_volume(marks, 7, 1, "message1", "/store", central),
                                           describe_volume(marks, 8, 2, "archive", "/elsewhere", central),
                                           describe_volume(marks, 9, 1, "local", "/local", "")};
  const auto mapped = map_volumes(there, here);
  BOOST_TEST((mapped.numbers == std::map<std::int64_t, std::int64_t>{{1, 7}}));
  BOOST_REQUIRE(mapped.unreachable.size() == 2u);
  BOOST_TEST(mapped.unreachable[0].name == "archive");
  BOOST_TEST(mapped.unreachable[1].name == "local");
}

BOOST_AUTO_TEST_CASE(a_mailbox_id_of_ones_own_is_refused_where_blobs_lie_under_it_and_nowhere_else) {
  auto marks = rules();
  marks.centralised.names = {"nfs-*"};
  const std::vector<mailstore_volume> here{
      describe_volume(marks, 5, 1, "message1", "/store", R"({"centralized":true})"),
      describe_volume(marks, 6, 1, "nfs-1", "/nfs", ""),
      describe_volume(marks, 7, 10, "index1", "/index", "")};
  BOOST_TEST(bool(allow_own_ids(here, {{1, 5}, {3, 7}})));
  const auto refused = allow_own_ids(here, {{1, 5}, {6, 6}});
  BOOST_REQUIRE(!refused);
  BOOST_TEST(refused.error().what.find("volume nfs-1: /nfs holds blobs") == 0u, refused.error().what);
  marks.by_locator.names = {"nfs-*"};
  BOOST_TEST(bool(allow_own_ids({describe_volume(marks, 6, 1, "nfs-1", "/nfs", "")}, {{6, 6}})));
}
