#include "actors/gateway/own_material.hpp"
#include "actors/gateway/signing.hpp"

#include <boost/test/unit_test.hpp>
#include <unistd.h>

#include <cstdlib>
#include <ctime>
#include <limits>

using namespace understudy;

namespace {

const std::int64_t now = static_cast<std::int64_t>(std::time(nullptr)) * 1000;

struct signing_fixture {
  std::string dir = "/tmp/understudy-signing-XXXXXX";
  tls_texts texts;
  signing_fixture() {
    BOOST_REQUIRE(::mkdtemp(dir.data()) != nullptr);
    BOOST_REQUIRE(make_own_material(dir, "m1"));
    texts = check_tls_files(own_admin_files(dir)).value();
  }
  ~signing_fixture() { std::filesystem::remove_all(dir); }

  request made() const {
    return request_signer::make(texts.certificate, texts.key)->sign("{}", "m1", now).value();
  }
  result<caller> verify(const request& r, std::int64_t at = now) const {
    return request_verifier::make(texts.ca)->verify(r, "m1", at);
  }
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(signing, signing_fixture)

BOOST_AUTO_TEST_CASE(a_signed_request_names_its_sender) {
  auto who = verify(made());
  BOOST_REQUIRE_MESSAGE(who, (who ? "" : who.error().what));
  BOOST_TEST(who->subject == "admin");
  BOOST_TEST(who->role == "admin");
}

BOOST_AUTO_TEST_CASE(every_field_is_under_the_signature) {
  auto altered = [&](auto change) {
    auto r = made();
    change(r);
    return !verify(r).has_value();
  };
  BOOST_TEST(altered([](request& r) { r.version += 1; }));
  BOOST_TEST(altered([](request& r) { r.command = "[]"; }));
  BOOST_TEST(altered([](request& r) { r.command += ' '; }));
  BOOST_TEST(altered([](request& r) { r.certificate += '\n'; }));
  BOOST_TEST(altered([](request& r) { r.node = "m2"; }));
  BOOST_TEST(altered([](request& r) { r.time_ms += 1; }));
  BOOST_TEST(altered([](request& r) { r.nonce[0] = static_cast<char>(r.nonce[0] ^ 1); }));
  BOOST_TEST(altered([](request& r) { r.nonce += 'x'; }));
  BOOST_TEST(altered([](request& r) { r.signature.clear(); }));
  BOOST_TEST(altered([](request& r) { r.signature = std::string(72, '\0'); }));
  BOOST_TEST(altered([](request& r) { r.certificate = "garbage"; }));
  BOOST_TEST(altered([](request& r) { r.certificate.clear(); }));
}

BOOST_AUTO_TEST_CASE(fields_cant_be_moved_into_their_neighbours) {
  auto a = made(), b = a;
  b.command = a.command + a.certificate.substr(0, 1);
  b.certificate = a.certificate.substr(1);
  BOOST_TEST(signed_bytes(a) != signed_bytes(b));
}

BOOST_AUTO_TEST_CASE(only_the_window_of_time_is_accepted) {
  BOOST_TEST(verify(made(), now + request_window_ms).has_value());
  BOOST_TEST(!verify(made(), now + request_window_ms + 1));
  BOOST_TEST(!verify(made(), now - request_window_ms - 1));
  for (auto time : {std::numeric_limits<std::int64_t>::min(), std::numeric_limits<std::int64_t>::max()}) {
    auto r = made();
    r.time_ms = time;
    BOOST_TEST(!verify(r));
  }
}

BOOST_AUTO_TEST_CASE(tls_files_that_dont_fit_are_named) {
  auto admin = own_admin_files(dir), node = own_node_files(dir);
  auto mixed = check_tls_files({admin.ca, admin.certificate, node.key});
  BOOST_REQUIRE(!mixed);
  BOOST_TEST((mixed.error().what.find("isn't the key of") != std::string::npos));
  auto no_ca = check_tls_files({admin.certificate, admin.certificate, admin.key});
  BOOST_TEST(!no_ca);
  BOOST_TEST(!check_tls_files({admin.key, admin.certificate, admin.key}));
  BOOST_TEST(!check_tls_files({"/tmp", admin.certificate, admin.key}));
}

BOOST_AUTO_TEST_SUITE_END()
