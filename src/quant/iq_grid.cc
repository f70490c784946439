// The IQ codebooks in compact form, expanded when this file is compiled.
//
// An entry of four or eight digits (digit j stands for magnitude j) is read as one number in the
// base of the codebook, digit 0 lowest: base 3 for IQ1 and IQ2, base 8 for IQ3. In that form every
// codebook is an increasing list, and a list is written as the steps from one entry to the next,
// one character per step: ']' is 0, '^' is 1, and so on to '}', which is 32; each '~' before a
// character adds 33. The first step starts from 0.
#include "quant/iq_grid.h"

#include <bit>
#include <string_view>

namespace hearth::quant {
namespace {

constexpr std::string_view kCodesIq2Xxs =
    "]______c_a___cca_c_cie_cak{ii_o~`w_cg_c_aig_cic_aikq_gu_o{oca_cia_c_suu~tg~~a_cgeoicakcioeg~lg"
    "~nciaiq~f}~^k~~__coywa~~_~j~h_csme_~ne~l_~~k_cok~dyq~~{ui~l~~~x~p_cca_cceag_cooyeaueueg{ci~`ms"
    "g~x~~m_coa~n~fag~t}ocac_~`cuw~j~~a~~k_u~~e~b~fgc}~x~x~~icou{~d~t{~`a~~q_~j~~~~_~~~~~~m_cqyyii~"
    "|~~c_cako~`}~^sqo~b~~m~~s~~ecic~js~d~v~nqg~~s~~~~~l~h~~~~k~^s{~~e~~{~~~~~~~~]~l";

constexpr std::string_view kCodesIq2Xs =
    "]____________a_______a_c___a_a_g__________c___a_cca_co___a_cg_cakeq_______a_c___a__ag_co___a_c"
    "g_cgey_cka_yu______cac_ccioe__coycqoc~hag_______a_c___a_ce__co___a_cg_coi_k__aoo~`___a_cg_a_ic"
    "y_co~ris~l_c_miqsa~j~~_~f_______cg_coog_cocm}q~^ua_cm_~ryg}im~xac_gsqk~viui~ba_q_______a_c____"
    "__cac_co___a_cg_coame_c_k_~r___a_a_g_coim_cic~hgesc~j_coaee~^gqcm}~~i___a_cca_coy_cak_~p{~n__c"
    "geogoec~lc~d}seime~^yg_~~~hu_coieiq_~~~`k{mk~~goa~h~~s~p~n~|~^e~^___a_ce__co_s____aogc~bo~`_mc"
    "a_c__komq{~jq~bycmsg_se~~{~^cega_cokmuqy~~eqqawcc~|~b_~h~~u~d~b~x}~`_a_ge~j~jc~^a_aqyo~`~d~~~~"
    "iqqg_a~lcc~r_~j_~bm";

constexpr std::string_view kCodesIq2S =
    "]____________a_______a_______a_caa________a_c___a____a_a_c__c_c___a_ce_____akaaaee_______a____"
    "___________c____a_a_c_________a_a_______a_c___a_cg____aka_a_cg_co___a____aa________a_caek__c__"
    "_aea_a_cgeog_ea_g~^i_______a__a___a_______a__aa_a_c____________a_______a_c___a_m_a_ac_cac_m_co"
    "___a____a_a_______a_c___a_cg_______a_c___a_cg_coa_a_cg_cow_____a_ae___a_cg_u___a_cg_cmsgcok~d_"
    "__a____aa__c__eceak__c__ce__c_cg_coeia_acu_ma____a_a_c___a_cg_coa_a_cg_ckay_com~bac_m_cwo__c~v"
    "siyi_q___________a___________c_ca_a_c___a______c_______a_c___a_cg_c___cca_a_cg_u____________a_"
    "______a_c___a_cg_______a_c___a_ce__co___a_cg_cosc_a____a_c___a_cico___a_cg_cokk_co~r___a______"
    "_a_______a_c___a_m_______a_c___a_cg_coa_a_cg_cm_y_______a_c___a_cg_co___a_cg_coy_cka~r___a_cg_"
    "cegy_co~rm~fqa__a___a_ca_a_cico___a_cg_comkcok}ea_a_cg_coy_coemkm~~]m_c~dqiw~~o~he___a_a_ac_c_"
    "__aeac_m_a____a_c___a_m_cm_aa__m_c~j_______ae___a_cg_co___a_cg_coeq_cm_~rac_m_c~be_us~ps_ioe_a"
    "____cc___a_cg_coac_m_ce~b_co~na___a_cg_cokk_co~fae}m~^_cka~p_~^a~~~doaaaec__c~bcys~^cia_{a_ma_"
    "co~^kcm~~~`~pm~n~jqy_g_a~`q";

constexpr std::string_view kCodesIq3Xxs =
    "]__b_a^_dfv_a_b_da`_dhie__bd_d_agckac^_h~_pqbhi_acpm~otqa_rkm_b_d_b__h^u_dd_~k_b_dd~^c_kfjmha~"
    "_~daopi~~hk}_d_b_a`f|__`_ddxa^e_dc^_j^jqda~ha~]kuqgx~~`_htyd_d_rjbc_kfh_x_bjrmlo~ylpccix|or~dr"
    "qhk_ia~~hql^mcn{|~ah~]kr~~h`_k~nttecmt|k}e~ezha~_et~~j~hk~nm_kz}{~a~`c~~a~]~a~m~dk~n__^om~hg~f"
    "xbsjkr~]m|_o~~_";

constexpr std::string_view kCodesIq3S =
    "]^^`_^^^___^acb_`___b_d``^^^_a^a``a_adjabc^a_^```a`ac`___j`eca`_d_`ca_j_a`ha_`cc`clg_i_abca_lb"
    "h`_knld__i_abjaq^^_a^___^_d`_k_`fc^_`_abd`cd_kc_g`_^acc`g`gd``^`cc^abnch_b_j_da_ard`cd_l~ca`j_"
    "x_b_diance^___^___`_a^_d__`_j^`_`_c`a``a`cdu``g_bd_gag`a_`af_b_dckhcf`d`av`dbfj^hje_bgyaqaj_hb"
    "wd___`d__b_`_gce__db_jmga_gcg_ivdab_a^f_ackecbadncajd_hbggjpp}_j_h~_acca``ddmgb__dcbccaq_bbagb"
    "l`cib_b_da~__oh^vi_g~]vnqubhhcvcacka``icb__bdf}cfgbcjtb^ljbicc`igi~`ip_~s}_k~s__i_rmmdzsochbce"
    "ibl~qklk`vqrx~e_~qa`f_i_icmdhl_y`ac`dnvu`ksacbu~fm}t~c";

constexpr std::string_view kCodesIq1 =
    "]_____`b_a_bc__eb_a_bb_a_a^c___^bca_a_a___^dc__eb_a_bb_a_bccba__a__``__a_h__ecccaa^lccc_^^e__e"
    "_aa^^_^^_______f`____^^_kai_c___`^a_cc_ah_a_bb_a_bcaeb_a_bb_a_bc_ab^ce^`c_ai___cb_a_bb_a_bcc``"
    "b____bb_a_g^_ab^c_ca_a_^`i__b`c_______a_aca^^^^^^__aee_c_m__ebb_a___a_ec__eca_b^_^`ab`^^___^^_"
    "a__ca_`^_^^__^`a_a__^^________^^b^^^^_^__^^___^^__^^_^^_^^__c_^^e^^__aa_^^___`^^^`_^_^^c``_eai"
    "aec____a__^^___cc_gk__a_`d^^_a_^^_^^aae`^__aa_fdd_d______aa_cca`g_a_bb____bcc``b_a_bb____bc_ac"
    "d^ac____^^ebb_ccb__`b_a_bca_ccb__`b_a_be__ce^^_a___cec_a``iccc_a_a_^`a__g_`^______cb_bccccb^cb"
    "_aeg_a_bb_a_bc_gb_a_g_a_e`_acg_a_c___cbb_b^b_a_g_a_bca_cb_a_bb_a_bcaeia______ma`aa^___a_^^__a_"
    "c____^^_^b_____a__b^^hc__ecg_aaafbgci`fc____^^b^____a____b^c`^_a__^^__aa__^^__^_^^^^`_^^_a^^_a"
    "_^^_^b___``b^____a____`^^_^_a__a`aa^c__ec`abdb_a_a___cc___cc`^`^`^_a__aaa_^^^^____^`c_a_^^a___"
    "mm__c__aakgc_^^_a_a__a_a_a_^^_c_e_c_`^a_c_^^__^^^^_a^^___^^__^^^^^^^^__^^_a_c_^^__aa_ac_a__e_a"
    "__^^_a_fb__`^af^c_^^^^``____^^_^^^_^^^^^_^^^^__c___^^_`_^a_^^^^__^^^^^_^__^^__^^^^^^^_^^^^^^^^"
    "^^_^^^^^__^`^^^_^^^^`_^^__^^^_^^`_^_^_^^^^^^^``^^^^^^^^^^^^^__^`a_^^^^_`a`_^^^b^^__a_adb____^^"
    "^^__^^db____ac`^_a__^^_cc_^^__^^^^^^^^__^^_````_^^^^ce`da^a^_c_^``^^^a____d`_^^__ie__ceca^^___"
    "__`jec___a_c^`_c```^_c^`ab`_ca_ia_h^ae^^`jcael^_^`_a________^^_^^__e^`__^^^^___ac___`^_k^^__^_"
    "^^_`_^^_d_^_`^_^`_^^bbcbb^^_a____^^^_^a_`__aa_^^_`_`l_ccg_a_cccbeb_cac____^`^^a_^^__aa`^bbc_^`"
    "ia^j_a_a__a^`dd`_ca_a_g_a_bb^___cb_a_bb_a_bc___cc_a___^^^b__c`b__cb_a_bb_a_h_acb_a_bb_a_jai_d`"
    "a__akaica_ac__^`_a_^^_^b^^_________eka_cc_a^^a`^_a`bcdac_a_bb_a__`c_ac`__a_bb_a_b^b__ec______a"
    "__gg_cb_a_bb_a_bc__j_a_bb_a_bca^^cca_c__e^bc___cc____a_______ab^_^^_a_e_c__a___cc_ace______e_c"
    "e_h`__aa_eae__^^^^_^^_e_c^^_ac_a__^^_^^_```^__^^__^^^^^^^^__^^_``_a^^^^_^^______ca`_b_c_^`^_^_"
    "c_b^a^`^^e__cg_ccaa__^`a^fca_ce_______^^__a______^^_a_^`__c__a_aeffe___a_aic_^^j_a_bb_a_bc___h"
    "_a_bb_a_b``___^l_``____gb_`_ja_^daa_bca_cb_a_bb_a_ncc_c`^___`^^^cy_____e_a_c_^^_ca__^^_a__mca`"
    "_`e_``_^^`_iaa^_`__a_a_g_a_h___h_a_bb_a_bea``ceaa_a_hbj_a_g_a_h__j_a_bb_a_";

// The entries of `codes`, with magnitudes[digit] in byte j of an entry for its digit j. A wrong
// number of entries does not compile: the index runs past the array, or the final check throws.
template <class Entry, size_t kEntries, size_t kBase>
consteval Table<Entry, kEntries> expand(std::string_view codes,
                                        const Table<uint8_t, kBase>& magnitudes) {
  Table<Entry, kEntries> entries{};
  size_t count = 0;
  uint32_t number = 0;
  for (const char c : codes) {
    if (c == '~') {
      number += 33;
      continue;
    }
    number += uint32_t(c - ']');
    uint32_t rest = number;
    Entry entry = 0;
    for (size_t j = 0; j < sizeof(Entry); ++j) {
      entry |= Entry(magnitudes[rest % kBase]) << (8 * j);
      rest /= uint32_t(kBase);
    }
    entries[count++] = entry;
  }
  if (count != kEntries) throw "a codebook has too few entries";
  return entries;
}

constexpr Table<uint8_t, 3> kMagnitudesIq2 = {{8, 25, 43}};
constexpr Table<uint8_t, 8> kMagnitudesIq3Xxs = {{4, 12, 20, 28, 36, 44, 52, 62}};
constexpr Table<uint8_t, 8> kMagnitudesIq3S = {{1, 3, 5, 7, 9, 11, 13, 15}};
constexpr Table<uint8_t, 3> kBiasedIq1 = {{120, 128, 136}};

// Byte j of an entry is its digit j.
constexpr Table<uint8_t, 8> kDigits = {{0, 1, 2, 3, 4, 5, 6, 7}};
constexpr Table<uint8_t, 3> kDigits3 = {{0, 1, 2}};

template <size_t kEntries>
consteval Table<uint32_t, kEntries> digits_of_eight(std::string_view codes) {
  const Table<uint64_t, kEntries> bytes = expand<uint64_t, kEntries>(codes, kDigits3);
  Table<uint32_t, kEntries> entries{};
  for (size_t i = 0; i < kEntries; ++i)
    entries[i] = uint32_t(bytes[i]) | (uint32_t(bytes[i] >> 32) << 4);
  return entries;
}

template <size_t kBase>
consteval Table<int8_t, 16> signed_levels(const Table<uint8_t, kBase>& magnitudes) {
  Table<int8_t, 16> levels{};
  for (size_t i = 0; i < kBase; ++i) {
    levels[i] = int8_t(magnitudes[i]);
    levels[i + 8] = int8_t(-levels[i]);
  }
  return levels;
}

}  // namespace

constinit const Table<uint64_t, 256> kGridIq2Xxs =
    expand<uint64_t, 256>(kCodesIq2Xxs, kMagnitudesIq2);
constinit const Table<uint64_t, 512> kGridIq2Xs =
    expand<uint64_t, 512>(kCodesIq2Xs, kMagnitudesIq2);
constinit const Table<uint64_t, 1024> kGridIq2S =
    expand<uint64_t, 1024>(kCodesIq2S, kMagnitudesIq2);
constinit const Table<uint32_t, 256> kGridIq3Xxs =
    expand<uint32_t, 256>(kCodesIq3Xxs, kMagnitudesIq3Xxs);
constinit const Table<uint32_t, 512> kGridIq3S = expand<uint32_t, 512>(kCodesIq3S, kMagnitudesIq3S);
constinit const Table<uint64_t, 2048> kGridIq1 = expand<uint64_t, 2048>(kCodesIq1, kBiasedIq1);

constinit const Table<uint32_t, 256> kDigitsIq2Xxs = digits_of_eight<256>(kCodesIq2Xxs);
constinit const Table<uint32_t, 512> kDigitsIq2Xs = digits_of_eight<512>(kCodesIq2Xs);
constinit const Table<uint32_t, 1024> kDigitsIq2S = digits_of_eight<1024>(kCodesIq2S);
constinit const Table<uint32_t, 256> kDigitsIq3Xxs = expand<uint32_t, 256>(kCodesIq3Xxs, kDigits);
constinit const Table<uint32_t, 512> kDigitsIq3S = expand<uint32_t, 512>(kCodesIq3S, kDigits);
constinit const Table<uint32_t, 2048> kDigitsIq1 = digits_of_eight<2048>(kCodesIq1);

constinit const Table<int8_t, 16> kLevelsIq2 = signed_levels(kMagnitudesIq2);
constinit const Table<int8_t, 16> kLevelsIq3Xxs = signed_levels(kMagnitudesIq3Xxs);
constinit const Table<int8_t, 16> kLevelsIq3S = signed_levels(kMagnitudesIq3S);
constinit const Table<int8_t, 16> kLevelsIq1 = {{-7, 1, 9, 0, 0, 0, 0, 0, -9, -1, 7}};

constinit const Table<uint64_t, 128> kSignBytes7 = [] {
  Table<uint64_t, 128> table{};
  for (uint32_t code = 0; code < 128; ++code) {
    const uint32_t signs = code | uint32_t(std::popcount(code) & 1) << 7;
    for (uint32_t j = 0; j < 8; ++j)
      if ((signs >> j) & 1) table[code] |= uint64_t(0xff) << (8 * j);
  }
  return table;
}();

}  // namespace hearth::quant
