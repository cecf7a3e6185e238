// What every table must answer in model/self_test.cpp, written down from the scalar reference (native/README.md says how).
#pragma once

namespace hc {

inline constexpr double known_answers[] = {
    -27.914595443293933,  // rmsnorm
    90.98443953150384,  // add_rmsnorm
    907.4255647659302,  // relu
    325.97881887208683,  // silu_mul
    -239.56440418858855,  // log_gate
    -20.44389984488953,  // rope
    20.084164368174868,  // short_conv
    4209529.5126953125,  // pack_q8
    2211648.9970703125,  // pack_q4
    22.002471923828125,  // embed_f32
    -8.507682800292969,  // embed_bf16
    11.715175449848175,  // embed_q8
    -1.7225595563650131,  // embed_q4
    9342.0703386347,  // quantise_rows
    -14.52634639525786,  // matmul_f32
    237.1698369756341,  // matmul_bf16
    7753.155214931605,  // tile_codes
    144.98141224813298,  // matmul_q8
    -12.219507759313274,  // matmul_q4
    -24576.671201691137,  // quantise_rows
    465.4838278304087,  // matmul_f32
    103.07428912818432,  // matmul_bf16
    -26310.041535285924,  // tile_codes
    83.94039950752631,  // matmul_q8
    298.6588820961788,  // matmul_q4
    22.774927724047302,  // gla_step
    34.177966657566714,  // gla_chunk
    2195347.1494140625,  // window_store_f32
    -17.104210404317456,  // window_attend_f32
    1475014.00390625,  // window_store_f16
    -17.104210404317456,  // window_attend_f16
    760162.5931327341,  // window_store_i8
    -17.120531676974977,  // window_attend_i8
    2756.023885789604,  // spike_rows
    450.08837890625,  // spike_columns
    158103.363710757,  // matmul_spike
    2144.6160968732584,  // spike_values
    3882.820455663379,  // spike_rows
    917.00048828125,  // spike_columns
    161065.80870807305,  // matmul_spike
    2253.2396302070338,  // spike_values
    521.4491424456683,  // window_store_codes
    -2856.6734985328753,  // sigmoid_gate
};

}  // namespace hc
